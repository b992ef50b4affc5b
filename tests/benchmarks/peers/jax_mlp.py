"""Epochs of a dense network in JAX: one jitted scan for each epoch, shuffling included."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from common import arguments, deviations, say, timed

given = arguments()
arrays = np.load(given["data"])
X, Y = jnp.asarray(arrays["x"]), jnp.asarray(arrays["y"].astype(np.int32))
N, B = len(X), given["batch"]
sizes = [X.shape[1], *given["hidden"], given["classes"]]
key = jax.random.key(0)
model = []
for d, h, deviation in zip(sizes, sizes[1:], deviations(sizes), strict=False):
    key, own = jax.random.split(key)
    model.append((deviation * jax.random.normal(own, (d, h)), jnp.zeros(h)))
adam = optax.adam(1e-3)


def loss(model, x, y):
    for w, b in model[:-1]:
        x = jax.nn.relu(x @ w + b)
    w, b = model[-1]
    return optax.softmax_cross_entropy_with_integer_labels(x @ w + b, y).mean()


def step(carry, batch):
    model, state = carry
    updates, state = adam.update(jax.grad(loss)(model, *batch), state)
    return (optax.apply_updates(model, updates), state), None


@jax.jit
def epoch(carry, key):
    order = jax.random.permutation(key, N)
    batches = X[order].reshape(-1, B, X.shape[1]), Y[order].reshape(-1, B)
    return jax.lax.scan(step, carry, batches)[0]


carry = model, adam.init(model)


def one():
    global carry, key
    key, own = jax.random.split(key)
    carry = jax.block_until_ready(epoch(carry, own))


seconds, found = timed(one, given["epochs"], lambda: float(loss(carry[0], X, Y)))
say(seconds=seconds, loss=found)
