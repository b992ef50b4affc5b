"""Laws of optimizers, on a few steps of made-up gradients: milliseconds.

A member is an instance. Its laws hold for the hyperparameters that it has; whether it moves
and stays finite is asked of its defaults, as any rule can be given such that it does not.

    walk             optimizers taking steps along made-up gradients
    interface        what a rule declares: names, shapes, coefficients, parameters of update
    step             what a step does: where it writes, where it goes, what lr and decay do
    reproducibility  the same bits: repeated, resumed, beside others, in tiles and plans
"""

from __future__ import annotations

from optcli.optimizers.base import Optimizer
from optcli.plugins.laws.base import FIELDS, Law
from optcli.plugins.laws.optimizers.interface import (
    gives_coefficients,
    names_its_state,
    takes_its_arguments,
)
from optcli.plugins.laws.optimizers.reproducibility import (
    is_alone_in_company,
    keeps_its_state_in_arrays,
    keeps_nothing_in_scratch,
    minds_no_diverged_neighbour,
    minds_no_plan,
    minds_no_tile,
    repeats,
)
from optcli.plugins.laws.optimizers.step import (
    decays_once,
    follows_the_rate,
    goes_downhill,
    leaves_what_it_is_given,
    moves,
    stays_finite,
)


def _of_its_class(rule: Optimizer) -> str:
    return FIELDS.fault(type(rule))


LAWS: tuple[Law[Optimizer], ...] = (
    Law(FIELDS.says, _of_its_class),
    Law("state, scratch and model are named as they must be", names_its_state),
    Law("coefficients returns numbers by name for each step", gives_coefficients),
    Law("update takes what state, scratch and coefficients give", takes_its_arguments),
    Law("update moves x", moves),
    Law("the gradient and the coefficients are left as they are", leaves_what_it_is_given),
    Law("the same steps give the same numbers twice", repeats),
    Law("nothing is kept in scratch arrays", keeps_nothing_in_scratch),
    Law("coefficients follow from the step alone", minds_no_plan),
    Law("all state is in state arrays: runs side by side and resumed", keeps_its_state_in_arrays),
    Law(
        "a run trained alongside others matches the same run trained alone, bit for bit",
        is_alone_in_company,
    ),
    Law("a diverged neighbour does no harm", minds_no_diverged_neighbour),
    Law("tiles of any size give the same bits", minds_no_tile),
    Law("numbers stay finite, in float32 as well", stays_finite),
    Law("lr acts, and a schedule of it as the hyperparameter", follows_the_rate),
    Law("it moves against the gradient", goes_downhill),
    Law("weight decay is applied once", decays_once),
)
