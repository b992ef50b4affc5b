"""`explain --plot`: a picture of a loss, an activation, a schedule or an optimizer.

figure = optcli.picture("huber")
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from optcli.core.arrays import Array, Workspace
from optcli.core.errors import Fault, InvalidInput
from optcli.core.registry import Registry
from optcli.core.specs import Field, fields
from optcli.ideas import plain
from optcli.layers.activations import ACTIVATIONS, Activation
from optcli.layers.base import Binding
from optcli.losses.base import LOSSES, Loss
from optcli.losses.huber import Huber
from optcli.losses.mae import MAE
from optcli.losses.mse import MSE
from optcli.optimizers.base import OPTIMIZERS, Optimizer
from optcli.optimizers.stepper import Stepper
from optcli.schedules import SCHEDULES
from optcli.schedules.base import Schedule

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = 601
STEPS, EPOCH = 1000, 10  # of a schedule
# a steady gradient, one that alternates, a small one
GRADIENTS = np.concatenate([np.ones(20), np.tile([1.0, -1.0], 10), np.full(20, 0.1)])
# losses of values that others are set beside
KNOWN: dict[str, type[Loss]] = {each.name: each for each in (MSE, MAE, Huber)}


def picture(name: str) -> Figure:
    """A picture of what has this name, as a matplotlib figure.

    A loss or an activation: the function above its derivative, for some values of its first
    hyperparameter. A schedule: the factor by epoch, without and with a warm-up. An optimizer: its
    steps on a fixed sequence of gradients, 20 of 1, 20 of 1 and −1 in turn, 20 of 0.1. Raises
    InvalidInput for an unknown name, and for what depends on more than that.

        >>> import optcli
        >>> figure = optcli.picture("huber")
    """
    kinds: list[Registry[Any]] = [LOSSES, ACTIVATIONS, SCHEDULES, OPTIMIZERS]
    for registry in kinds:
        for cls in registry:
            if plain(name) in (cls.name, *cls.aliases):
                return _drawn(cls)
    message = f"no loss, activation, schedule or optimizer is called '{name}' (optcli list)"
    raise InvalidInput(Fault(message, parameter="name"))


def _drawn(cls: type[Any]) -> Figure:
    from optcli import plots

    if issubclass(cls, Loss):
        return _loss(cls)
    if issubclass(cls, Activation):
        found = [_activation(label, each) for label, each in _settings(cls)]
        return plots.slopes(found, "input x", "output f(x)", "derivative f′(x)", cls.name)
    if issubclass(cls, Schedule):
        return _schedule(cls)
    return _optimizer(cls)


def _settings(cls: type[Any]) -> Iterator[tuple[str, Any]]:
    """The default and, where its first number may vary, a lower and a higher value of that."""
    first = next((field for field in fields(cls) if _varies(field)), None)
    if first is None:
        yield cls.name, cls()
        return
    value = first.default
    share = first.holds(np.array([0.5])).all() and not first.holds(np.array([1.5])).any()
    around = [0.1, value, 0.9] if share else [value / 2, value, 2 * value]
    for each in sorted({number for number in around if first.holds(np.array([number])).all()}):
        yield f"{first.name} {each:g}", cls(**{first.name: each})


def _varies(field: Field) -> bool:
    return isinstance(field.default, float) and bool(field.default)


def _loss(cls: type[Loss]) -> Figure:
    from optcli import plots

    if cls.target == "values":
        target = 1.0 if cls.targets else 0.0
        across = "score (target 1)" if cls.targets else "score − target"
        others = [] if cls.targets else [KNOWN[name] for name in KNOWN if name != cls.name]
        shown = [_curve(label, each, target) for label, each in _settings(cls)]
        shown += [_curve(other.name, other(), target) for other in others]
    else:
        across = "score of the true class, the others 0"
        if cls.target == "labels":
            across = "score of a label that is 1"
        shown = [_curve(label, each, 1.0) for label, each in _settings(cls)]
    return plots.slopes(shown, across, "loss", "derivative", cls.name)


def _curve(label: str, loss: Loss, target: float) -> Any:
    """The loss of one sample by its first score; the others are 0."""
    from optcli.plots import Slope

    columns = 1 if loss.target in ("values", "labels") else 3
    reach = 2.0 if loss.targets else 4.0
    scores = np.zeros((1, POINTS, loss.outputs(columns)))
    x = scores[0, :, 0]
    x[:] = np.linspace(-reach, reach, POINTS)
    t: Array = np.full((1, POINTS, columns), target)
    if loss.target == "classes":
        t = np.zeros((1, POINTS), int)
    elif loss.target == "probabilities":
        t = np.tile([0.8, 0.1, 0.1], (1, POINTS, 1))
    gradient = np.empty_like(scores)
    value = loss.samples(scores, t, gradient, Workspace())
    return Slope(label, x, value[0].copy(), gradient[0, :, 0])


def _activation(label: str, activation: Activation) -> Any:
    from optcli.plots import Slope

    x = np.linspace(-4, 4, POINTS)
    binding = Binding({}, {}, 1, POINTS, (1,), np.dtype(float), inputs_wanted=True, training=True)
    bound = activation.bind(binding)
    y = bound.forward(x[:, None].copy()).copy()
    slope = bound.backward(np.ones((POINTS, 1)))
    return Slope(label, x, y[:, 0], slope[:, 0])


def _schedule(cls: type[Schedule]) -> Figure:
    from optcli import plots

    if vars(cls).get("state"):
        message = f"is '{cls.name}', whose factors depend on the losses of a run"
        raise InvalidInput(Fault(message, parameter="name"))
    t = np.arange(1, STEPS + 1)
    lines = [
        plots.Line(label, t / EPOCH, each.factor(t, STEPS, EPOCH))
        for label, each in ((cls.name, cls()), ("warmup 0.1", replace(cls(), warmup=0.1)))
    ]
    return plots.overlay(lines, f"epoch ({EPOCH} steps each)", "factor", cls.name, log=False)


def _optimizer(cls: type[Optimizer]) -> Figure:
    from optcli import plots

    made = {cls.name: cls()}
    if any(field.name == "bias_correction" for field in fields(cls)):
        made["no bias correction"] = cls(bias_correction=False)  # type: ignore[call-arg]
    t = np.arange(1.0, len(GRADIENTS) + 1)
    lines = [plots.Line("gradient (sgd)", t, GRADIENTS)]
    lines += [plots.Line(label, t, _steps(each)) for label, each in made.items()]
    return plots.overlay(lines, "step", "step / learning rate", cls.name, log=False)


def _steps(optimizer: Optimizer) -> Array:
    """The steps (K,) of one parameter, downwards positive, in units of the learning rate."""
    x, g = np.zeros((2, 1, 1))
    stepper = Stepper([optimizer], x, g)
    if optimizer.needs_oracle or any(group.sees_loss for group in stepper.groups):
        message = f"is '{optimizer.name}', which looks at the loss and not at gradients alone"
        raise InvalidInput(Fault(message, parameter="name"))
    stepper.plan(1, len(GRADIENTS))
    places = [0.0]
    for k, gradient in enumerate(GRADIENTS):
        g[:] = gradient
        stepper.step(k)
        places.append(float(x[0, 0]))
    return -np.diff(places) / float(getattr(optimizer, "lr", 1.0))
