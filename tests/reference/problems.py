"""What the optimizers are tried on: a fixed sequence of gradients, and logistic regression."""

from typing import ClassVar

import numpy as np

STEPS = 100


def waves(*shape, of):
    """Numbers that need no generator of random ones, no two alike."""
    count = np.arange(np.prod(shape))
    return np.round(np.sin(of * count + of) + 0.3 * np.cos(2.7 * of * count), 6).reshape(shape)


class Sequence:
    """Gradients and losses that do not ask where the parameters are."""

    lr = 1
    shapes: ClassVar = {"w": (4, 3), "b": (3,), "k": (3, 2, 2, 1)}
    start = waves(27, of=1.3)
    gradients = waves(STEPS, 27, of=0.77)
    losses = 1 + waves(STEPS, of=1.9) ** 2

    def loss_and_gradient(self, t, x):
        """Of step t, from 0, at parameters x (27,)."""
        return self.losses[t], self.gradients[t]

    def hessian(self, x):
        """As if the parameters (27,) were in a bowl with cubic slopes."""
        return np.diag(3 * (x - 0.2) ** 2)

    def slope(self, x):
        """The gradient in that bowl."""
        return (x - 0.2) ** 3


class Logistic:
    """Softmax regression of 20 rows on 4 features, 3 classes.

    The learning rates are a tenth: where an optimizer overshoots the minimum again and
    again, a difference in the last digit grows to any size.
    """

    lr = 0.1
    shapes: ClassVar = {"w": (4, 3), "b": (3,)}
    start = waves(15, of=1.3)
    rows = waves(20, 4, of=0.9)
    classes = (waves(20, of=2.2) * 3).astype(int) % 3

    def loss_and_gradient(self, t, x):
        """At parameters x (15,); every step sees all rows."""
        scores = self.rows @ x[:12].reshape(4, 3) + x[12:]
        scores = scores - scores.max(axis=1, keepdims=True)
        total = np.exp(scores).sum(axis=1, keepdims=True)
        right = np.eye(3)[self.classes]
        loss = (np.log(total) - (scores * right).sum(axis=1, keepdims=True)).mean()
        slope = (np.exp(scores) / total - right) / len(right)
        return loss, np.concatenate([(self.rows.T @ slope).ravel(), slope.sum(axis=0)])

    def slope(self, x):
        """The gradient at x (15,)."""
        return self.loss_and_gradient(0, x)[1]

    def hessian(self, x):
        """At x (15,): the mean over the rows a of (diag p − p·pᵀ), for each pair of a's entries."""
        rows = np.hstack([self.rows, np.ones((20, 1))])
        scores = np.exp(rows @ x.reshape(5, 3))
        p = scores / scores.sum(axis=1, keepdims=True)
        inner = np.einsum("nc,cd->ncd", p, np.eye(3)) - np.einsum("nc,nd->ncd", p, p)
        return np.einsum("ni,nj,ncd->icjd", rows, rows, inner).reshape(15, 15) / 20


PROBLEMS = {"sequence": Sequence(), "logistic": Logistic()}


def split(x, shapes):
    """Views of x (P,) by name."""
    found, at = {}, 0
    for name, shape in shapes.items():
        found[name] = x[at : at + np.prod(shape)].reshape(shape)
        at += np.prod(shape)
    return found
