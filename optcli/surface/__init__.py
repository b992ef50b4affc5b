"""Surface: the loss around what training found, and the layers on the way there.

    plane       two directions through parameter space, and where points lie beside them
    heights     the loss at many points, as one cohort, and its gradient
    curvature   eigenvalues of the Hessian by Lanczos, its trace by Hutchinson
    by_epoch    the largest eigenvalue over a training, as a column of its history
    again       training once more, with the parameters kept on the way
    on_the_way  what layers compute, and their gradients, at points of a training
    measuring   all of it, of one run or several on one plane
    result      what `optcli landscape` finds
    stored      that as summary.json and tables, and read back

Points are full parameter vectors (P,), with the running statistics (S,) that belong to them.
"""
