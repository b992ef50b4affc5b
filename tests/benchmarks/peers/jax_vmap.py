"""All runs at once in JAX: vmap over runs, scans over steps and epochs, one jit of it all."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from common import arguments, deviations, say
from spirals import BATCH, NAMES, ROWS, SIZES, runs

given = arguments()
x, y, rates = runs(given["rates"], given["seeds"])
y = y.astype(np.int32)
R, quarter = len(x), len(x) // len(NAMES)
own = [slice(i * quarter, (i + 1) * quarter) for i in range(len(NAMES))]


def scores(model, x):
    for w, b in model[:-1]:
        x = jax.nn.relu(x @ w + b)
    return x @ model[-1][0] + model[-1][1]


def loss(model, x, y):
    return optax.softmax_cross_entropy_with_integer_labels(scores(model, x), y).mean()


def sgd(g, state, alpha, t):
    return alpha * g, state


def momentum(g, state, alpha, t):
    b = 0.9 * state[0] + g
    return alpha * b, (b, state[1])


def rmsprop(g, state, alpha, t):
    v = 0.99 * state[1] + 0.01 * g**2
    return alpha * g / (jnp.sqrt(v) + 1e-8), (state[0], v)


def adam(g, state, alpha, t):
    m, v = 0.9 * state[0] + 0.1 * g, 0.999 * state[1] + 0.001 * g**2
    step = alpha * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return step, (m, v)


def updated(w, g, state, t):
    """An array of all runs, a quarter by each optimizer."""
    found = []
    for part, rule in zip(own, (sgd, momentum, rmsprop, adam), strict=True):
        alpha = rates[part].reshape(-1, *[1] * (w.ndim - 1))
        step, new = rule(g[part], (state[0][part], state[1][part]), alpha, t)
        found.append((w[part] - step, *new))
    w, m, v = (jnp.concatenate(each) for each in zip(*found, strict=True))
    return w, (m, v)


@jax.jit
def train(key):
    key, *keys = jax.random.split(key, len(SIZES))
    layers = zip(keys, SIZES, SIZES[1:], deviations(SIZES), strict=False)
    model = [(s * jax.random.normal(k, (R, d, h)), jnp.zeros((R, h))) for k, d, h, s in layers]
    leaves, tree = jax.tree.flatten(model)
    slope = jax.vmap(jax.value_and_grad(loss))

    def step(carry, batch):
        leaves, states, t = carry
        value, g = slope(tree.unflatten(leaves), *batch)
        pairs = [
            updated(w, d, state, t)
            for w, d, state in zip(leaves, jax.tree.leaves(g), states, strict=True)
        ]
        return ([w for w, _ in pairs], [state for _, state in pairs], t + 1), value

    def epoch(carry, key):
        order = jnp.argsort(jax.random.uniform(key, (R, ROWS)), 1)
        xs = jnp.take_along_axis(x[:, :ROWS], order[:, :, None], 1)
        ys = jnp.take_along_axis(y[:, :ROWS], order, 1)
        whole = ROWS // BATCH * BATCH
        batches = [
            jnp.moveaxis(a[:, :whole].reshape(R, -1, BATCH, *a.shape[2:]), 1, 0) for a in (xs, ys)
        ]
        carry, values = jax.lax.scan(step, carry, batches)
        carry, last = step(carry, (xs[:, whole:], ys[:, whole:]))
        found = jax.vmap(scores)(tree.unflatten(carry[0]), x[:, ROWS:])
        held = optax.softmax_cross_entropy_with_integer_labels(found, y[:, ROWS:]).mean(1)
        right = (found.argmax(2) == y[:, ROWS:]).mean(1)
        return carry, ((values.sum(0) + last) / (len(values) + 1), held, right)

    states = [(jnp.zeros_like(w), jnp.zeros_like(w)) for w in leaves]
    keys = jax.random.split(key, given["epochs"])
    return jax.lax.scan(epoch, (leaves, states, 1.0), keys)[1]


_, held, _ = (np.asarray(part) for part in train(jax.random.key(0)))
losses = np.nan_to_num(held, nan=9).min(0)
say(best={name: float(losses[part].min()) for name, part in zip(NAMES, own, strict=True)})
