"""Evaluation: how good a trained model is on labelled rows, and how sure that is.

    rows         predictions and targets of some rows
    measures     all numbers taken of them, as functions of the rows' weights
    ranking      ROC and precision-recall curves, and their areas
    calibration  whether probabilities come true
    thresholds   two classes, divided elsewhere than at 0.5
    resampling   the bootstrap
    importance   what each raw column is good for
    measuring    from rows to a report
    report       all that was found
    stored       a report, read back from its folder

A resample of the rows is nothing but other weights of them, so each measure is a function of
weights; the bootstrap and sample weights then need no code of their own.
"""
