"""What torch does with betas and momenta that change from step to step.

    python -m tests.reference.scheduled

writes scheduled.json beside itself: the parameters after STEPS steps of the fixed sequence
of gradients, by case and hyperparameter. Needs torch then; to read the cases takes NumPy.
"""

import json
from pathlib import Path

import numpy as np

from tests.reference.optimizers import TORCH, torch_settings
from tests.reference.problems import PROBLEMS, split
from tests.reference.rules import CASES

PINS = Path(__file__).with_suffix(".json")
STEPS = 24
MOVED = ("beta1", "beta2", "momentum", "rho")


def factors(lowest=0.4, steps=STEPS):
    """Of each step (T,): falling and rising, not above 1."""
    return 1 - (1 - lowest) * (0.5 - 0.5 * np.cos(np.arange(steps) / 7 * (STEPS / steps)))


def cases():
    """Pairs of a case that torch has and a hyperparameter of it that moves."""
    for case, settings in CASES.items():
        if TORCH.get(case.partition("-")[0], "LBFGS") not in ("LBFGS", "Muon"):
            yield from ((case, name) for name in MOVED if name in settings)


def with_torch(case, moved):
    """The model after all steps, by torch."""
    import torch

    problem, name = PROBLEMS["sequence"], case.partition("-")[0]
    x = [torch.tensor(of.copy()) for of in split(problem.start, problem.shapes).values()]
    settings = CASES[case]
    rule = getattr(torch.optim, TORCH[name])(x, **torch_settings(name, settings))
    for g, factor in zip(problem.gradients, factors(), strict=False):
        now = torch_settings(name, settings | {moved: settings[moved] * factor})
        rule.param_groups[0].update(now)
        for tensor, own in zip(x, split(g, problem.shapes).values(), strict=True):
            tensor.grad = torch.tensor(own.copy())
        rule.step()
    return np.concatenate([tensor.numpy().ravel() for tensor in x])


def main():
    import torch

    torch.set_default_dtype(torch.float64)
    found = {f"{case}/{moved}": with_torch(case, moved).tolist() for case, moved in cases()}
    lines = (f"{json.dumps(key)}: {json.dumps(of)}" for key, of in found.items())
    PINS.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
