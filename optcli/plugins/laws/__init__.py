"""Laws: the contract of everything that is registered, checked as properties; one file a kind.

A law is a sentence and a function that looks whether it holds. The test suite runs them over
the registries; `optcli plugin check` runs them over what a plug-in registers; and a command
that is about to train with an optimizer that is not optcli's own runs those of optimizers
first (`plugins.first_use`).

    base         Law, and what is found
    optimizers   losses   layers   schedules   metrics   objectives   models   datasets
    other_kinds  initializers and averages
    gradients    every gradient is that of its function, as in gradcheck
    all_kinds    which laws a class has to keep
"""
