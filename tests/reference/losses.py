"""What torch, optax, scikit-learn and scipy say of each loss; and samples to ask them about.

A reference takes the scores (B, C) and the target of one batch and gives, in NumPy, the
loss of each sample (B,), the gradient of each by its scores (B, C), and what each counts
for in the mean (B,). Needs the libraries only when it is called.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
Reference = Callable[[Array, Array, dict[str, Any]], tuple[Array, Array, Array]]


class Case(NamedTuple):
    """A loss with its settings, the library to compare with, and what it says."""

    name: str
    settings: dict[str, Any]
    library: str
    reference: Reference

    @property
    def label(self) -> str:
        return " ".join([self.name, *(f"{k}={v}" for k, v in self.settings.items())])


def torch_samples(function: Callable[..., Any]) -> Reference:
    """function(F, scores, target, **settings) -> samples, perhaps with their counts."""

    def reference(s: Array, t: Array, settings: dict[str, Any]) -> tuple[Array, Array, Array]:
        import torch

        scores = torch.tensor(s, requires_grad=True)
        found = function(torch.nn.functional, scores, torch.tensor(t), **settings)
        samples, counts = found if isinstance(found, tuple) else (found, torch.ones(len(s)))
        (gradient,) = torch.autograd.grad(samples.sum(), scores)
        return samples.detach().numpy(), gradient.numpy(), counts.numpy()

    return reference


def optax_samples(function: Callable[..., Any]) -> Reference:
    """function(optax, scores, target, **settings) -> samples."""

    def reference(s: Array, t: Array, settings: dict[str, Any]) -> tuple[Array, Array, Array]:
        import jax
        import optax

        with jax.enable_x64(True):
            scores, target = jax.numpy.asarray(s), jax.numpy.asarray(t)
            samples = function(optax, scores, target, **settings)
            gradient = jax.grad(lambda at: function(optax, at, target, **settings).sum())(scores)
            return np.array(samples), np.array(gradient), np.ones(len(s))

    return reference


def entries(function: Callable[..., Any]) -> Reference:
    """function(scores, target, **settings) -> values and slopes, entry by entry."""

    def reference(s: Array, t: Array, settings: dict[str, Any]) -> tuple[Array, Array, Array]:
        values, slopes = function(s.ravel(), t.ravel(), **settings)
        samples = np.reshape(values, s.shape).mean(axis=1)
        return samples, np.reshape(slopes, s.shape) / s.shape[1], np.ones(len(s))

    return reference


def sklearn_loss(name: str) -> Reference:
    """A loss of scikit-learn's boosted trees and linear models."""

    def of(s: Array, t: Array, **settings: Any) -> Any:
        import sklearn._loss.loss as losses

        loss = getattr(losses, name)(**settings)
        return loss.loss_gradient(y_true=t, raw_prediction=s)

    return entries(of)


def sklearn_sgd(name: str, *fields: str, labels: bool = False) -> Reference:
    """A loss of scikit-learn's SGDRegressor and SGDClassifier."""

    def of(s: Array, t: Array, **settings: Any) -> Any:
        from sklearn.linear_model import _sgd_fast

        loss = getattr(_sgd_fast, name)(*(settings[field] for field in fields))
        pairs = list(zip(s.tolist(), (2 * t - 1 if labels else t).tolist(), strict=True))
        return [loss.py_loss(*pair) for pair in pairs], [loss.py_dloss(*pair) for pair in pairs]

    return entries(of)


def scipy_cauchy(s: Array, t: Array, scale: float = 1.0) -> Any:
    """The cost of least_squares(loss='cauchy'): half of ρ, and its slope by the residual."""
    from scipy.optimize._lsq.least_squares import cauchy

    r = s - t
    rho = np.empty((3, len(r)))
    cauchy((r / scale) ** 2, rho, cost_only=False)
    return 0.5 * scale**2 * rho[0], rho[1] * r


def cross_entropy(
    F: Any, s: Any, t: Any, label_smoothing: float = 0, class_weights: Any = None
) -> Any:
    """Samples with their weights; the mean divides by the weights of the classes."""
    w = None if class_weights is None else s.new_tensor(class_weights)
    options = {"weight": w, "label_smoothing": label_smoothing}
    samples = F.cross_entropy(s, t, reduction="none", **options)
    return samples if w is None else (samples, w[t])


def binary_cross_entropy(
    F: Any, s: Any, t: Any, pos_weight: Any = None, label_weights: Any = None
) -> Any:
    """The mean over the labels."""
    ones = None if pos_weight is None else s.new_tensor(pos_weight)
    weight = None if label_weights is None else s.new_tensor(label_weights)
    options = {"pos_weight": ones, "weight": weight}
    return F.binary_cross_entropy_with_logits(s, t, reduction="none", **options).mean(1)


def focal(F: Any, s: Any, t: Any, gamma: float = 2, alpha: Any = None) -> Any:
    """By autograd through torch's cross_entropy, as no library has it."""
    c = F.cross_entropy(s, t, reduction="none")
    r = -(-c).expm1()
    factor = 1 if alpha is None else s.new_tensor(alpha).expand(s.shape[1])[t]
    return factor * r**gamma * c


def gaussian_nll(F: Any, s: Any, t: Any, eps: float = 1e-6) -> Any:
    """The second half of the scores becomes the variance that torch takes."""
    mean, raw = s.chunk(2, dim=1)
    # beyond its threshold torch's softplus is only nearly one
    variance = raw.clamp(min=0) + (-raw.abs()).exp().log1p() + eps
    return F.gaussian_nll_loss(mean, t, variance, eps=eps, reduction="none").mean(1)


def ordinal_logistic(F: Any, s: Any, t: Any) -> Any:
    """A label for each threshold: is the class above it?"""
    above = (t[:, None] > t.new_tensor(range(s.shape[1]))).to(s.dtype)
    return F.binary_cross_entropy_with_logits(s, above, reduction="none").sum(1)


def multiclass_hinge(F: Any, s: Any, t: Any, margin: float = 1.0) -> Any:
    """torch divides by the number of classes."""
    return s.shape[1] * F.multi_margin_loss(s, t, margin=margin, reduction="none")


def mean_of(name: str) -> Callable[..., Any]:
    """A loss of torch, entry by entry, and the mean over the outputs."""
    return lambda F, s, t, **settings: getattr(F, name)(s, t, reduction="none", **settings).mean(1)


def _torch(name: str, function: Callable[..., Any], **settings: Any) -> Case:
    return Case(name, settings, "torch", torch_samples(function))


def _optax(name: str, function: Callable[..., Any], **settings: Any) -> Case:
    return Case(name, settings, "optax", optax_samples(function))


def _sklearn(name: str, reference: Reference, **settings: Any) -> Case:
    return Case(name, settings, "sklearn", reference)


CASES = [
    _torch("cross_entropy", cross_entropy),
    _torch("cross_entropy", cross_entropy, label_smoothing=0.1),
    _torch("cross_entropy", cross_entropy, class_weights=(0.5, 2.0, 1.25)),
    _torch("cross_entropy", cross_entropy, label_smoothing=0.2, class_weights=(0.5, 2.0, 0.0)),
    _torch("binary_cross_entropy", binary_cross_entropy),
    _torch("binary_cross_entropy", binary_cross_entropy, pos_weight=(3.0, 0.5, 1.5)),
    _torch(
        "binary_cross_entropy",
        binary_cross_entropy,
        pos_weight=2.5,
        label_weights=(1.0, 0.2, 3.0),
    ),
    _torch("focal", focal),
    _torch("focal", focal, gamma=1.5, alpha=(0.25, 1.0, 0.5)),
    _torch("focal", focal, gamma=3.0, alpha=0.25),
    _optax("binary_focal", lambda o, s, t, **k: o.losses.sigmoid_focal_loss(s, t, **k).mean(1)),
    _optax(
        "binary_focal",
        lambda o, s, t, **k: o.losses.sigmoid_focal_loss(s, t, **k).mean(1),
        gamma=0.7,
        alpha=0.25,
    ),
    _optax(
        "poly1",
        lambda o, s, t, epsilon=2.0: o.losses.poly_loss_cross_entropy(
            s, _one_hot(s, t), epsilon=epsilon
        ),
    ),
    _optax(
        "poly1",
        lambda o, s, t, epsilon=2.0: o.losses.poly_loss_cross_entropy(
            s, _one_hot(s, t), epsilon=epsilon
        ),
        epsilon=-0.5,
    ),
    _torch("multiclass_hinge", multiclass_hinge),
    _torch("multiclass_hinge", multiclass_hinge, margin=0.4),
    _optax("crammer_singer", lambda o, s, t: o.losses.multiclass_hinge_loss(s, t)),
    _optax("hinge", lambda o, s, t: o.losses.hinge_loss(s, 2 * t - 1).mean(1)),
    _sklearn("hinge", sklearn_sgd("Hinge", "margin", labels=True), margin=0.6),
    _optax("squared_hinge", lambda o, s, t: (o.losses.hinge_loss(s, 2 * t - 1) ** 2).mean(1)),
    _sklearn("squared_hinge", sklearn_sgd("SquaredHinge", "margin", labels=True), margin=0.6),
    _sklearn("modified_huber", sklearn_sgd("ModifiedHuber", labels=True)),
    _sklearn("exponential", sklearn_loss("ExponentialLoss")),
    _torch(
        "kl_divergence",
        lambda F, s, t: F.kl_div(s.log_softmax(1), t, reduction="none").sum(1),
    ),
    _torch("ordinal_logistic", ordinal_logistic),
    _torch("mse", mean_of("mse_loss")),
    _torch("mae", mean_of("l1_loss")),
    _torch("huber", mean_of("huber_loss")),
    _torch("huber", mean_of("huber_loss"), delta=0.3),
    _torch("smooth_l1", mean_of("smooth_l1_loss")),
    _torch("smooth_l1", mean_of("smooth_l1_loss"), beta=0.3),
    _optax("log_cosh", lambda o, s, t: o.losses.log_cosh(s, t).mean(1)),
    _sklearn("quantile", sklearn_loss("PinballLoss")),
    _sklearn("quantile", sklearn_loss("PinballLoss"), quantile=0.9),
    _sklearn("epsilon_insensitive", sklearn_sgd("EpsilonInsensitive", "epsilon"), epsilon=0.1),
    _sklearn(
        "squared_epsilon_insensitive",
        sklearn_sgd("SquaredEpsilonInsensitive", "epsilon"),
        epsilon=0.3,
    ),
    _torch("poisson", mean_of("poisson_nll_loss")),
    _sklearn("gamma", sklearn_loss("HalfGammaLoss")),
    _sklearn("tweedie", sklearn_loss("HalfTweedieLoss")),
    _sklearn("tweedie", sklearn_loss("HalfTweedieLoss"), power=1.2),
    Case("cauchy", {}, "scipy", entries(scipy_cauchy)),
    Case("cauchy", {"scale": 0.4}, "scipy", entries(scipy_cauchy)),
    _torch("gaussian_nll", gaussian_nll),
    _torch("gaussian_nll", gaussian_nll, eps=0.01),
    _torch("msle", lambda F, s, t: F.mse_loss(s, t.log1p(), reduction="none").mean(1)),
]


def _one_hot(s: Any, t: Any) -> Any:
    return (t[:, None] == np.arange(s.shape[1])).astype(s.dtype)


# ---- samples -------------------------------------------------------------------------

SCALES = (1.0, 1e4)


def samples(
    loss: Any, columns: int, rows: int, seed: int, scale: float = 1.0
) -> tuple[Array, Array]:
    """Scores (rows, C) and targets for a loss, inside its domain.

    scale: of the scores; they stay where float64 does not overflow.
    """
    random = np.random.default_rng(seed)
    scores = scale * random.standard_normal((rows, loss.outputs(columns)))
    for bound in loss.scores:
        limit = getattr(bound, "ge", getattr(bound, "le", None))
        scores = np.maximum(scores, limit) if hasattr(bound, "ge") else np.minimum(scores, limit)
    return scores, targets(loss, columns, rows, random)


def targets(loss: Any, columns: int, rows: int, random: np.random.Generator) -> Array:
    """Targets for a loss: every class, zeros where they are allowed."""
    if loss.target == "classes":
        return random.permutation(np.arange(rows) % columns)
    if loss.target == "labels":
        return random.integers(0, 2, (rows, columns)).astype(float)
    if loss.target == "probabilities":
        shares = random.dirichlet(np.ones(columns), rows)
        shares[0] = np.eye(columns)[0]
        return shares
    if not loss.targets:
        return random.standard_normal((rows, columns))
    counts = random.poisson(1.5, (rows, columns)).astype(float)
    return counts + 0.3 if hasattr(loss.targets[0], "gt") else counts


def mean(found: tuple[Array, Array, Array], weight: Array | None) -> tuple[float, Array]:
    """The weighted mean of what a reference says, and its gradient (B, C)."""
    losses, gradients, counts = found
    w = np.ones(len(losses)) if weight is None else weight
    total = (w * counts).sum()
    return float((w * losses).sum() / total), gradients * (w / total)[:, None]
