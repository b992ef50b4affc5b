"""All runs at once by torch.func.vmap; the four updates are written out over stacked arrays."""

import torch
from common import arguments, deviations, say
from spirals import BATCH, NAMES, ROWS, SIZES, runs
from torch.func import grad_and_value, vmap
from torch.nn import functional as F

given = arguments()
torch.set_num_threads(1)
torch.manual_seed(0)
x, y, rates = (torch.tensor(part) for part in runs(given["rates"], given["seeds"]))
R, quarter = len(x), len(x) // len(NAMES)
model = []
for d, h, deviation in zip(SIZES, SIZES[1:], deviations(SIZES), strict=False):
    model += [deviation * torch.randn(R, d, h), torch.zeros(R, h)]


def scores(model, x):
    for i in range(0, len(model), 2):
        x = torch.relu(x) if i else x
        x = x @ model[i] + model[i + 1]
    return x


slope = vmap(grad_and_value(lambda model, x, y: F.cross_entropy(scores(model, x), y)))
measure = vmap(lambda model, x, y: (F.cross_entropy(s := scores(model, x), y), s.argmax(1) == y))
own = [slice(i * quarter, (i + 1) * quarter) for i in range(len(NAMES))]
alpha = [[rates[part].reshape(-1, *[1] * (w.ndim - 1)) for w in model] for part in own]
parts = [[w[part] for w in model] for part in own]
moments = [[torch.zeros_like(w) for w in parts[i]] for i in (1, 2, 3, 3)]


def update(g, t):
    """SGD, momentum, RMSprop and Adam, in place."""
    (b, s, m, v), foreach = moments, torch
    sgd, momentum, rmsprop, adam = ([d[part] for d in g] for part in own)
    foreach._foreach_sub_(parts[0], foreach._foreach_mul(sgd, alpha[0]))
    foreach._foreach_mul_(b, 0.9)
    foreach._foreach_add_(b, momentum)
    foreach._foreach_sub_(parts[1], foreach._foreach_mul(b, alpha[1]))
    foreach._foreach_mul_(s, 0.99)
    foreach._foreach_addcmul_(s, rmsprop, rmsprop, 0.01)
    root = foreach._foreach_sqrt(s)
    foreach._foreach_add_(root, 1e-8)
    step = foreach._foreach_mul(rmsprop, alpha[2])
    foreach._foreach_sub_(parts[2], foreach._foreach_div(step, root))
    foreach._foreach_lerp_(m, adam, 0.1)
    foreach._foreach_mul_(v, 0.999)
    foreach._foreach_addcmul_(v, adam, adam, 0.001)
    root = foreach._foreach_sqrt(v)
    foreach._foreach_div_(root, (1 - 0.999**t) ** 0.5)
    foreach._foreach_add_(root, 1e-8)
    step = foreach._foreach_mul(m, alpha[3])
    foreach._foreach_div_(step, 1 - 0.9**t)
    foreach._foreach_sub_(parts[3], foreach._foreach_div(step, root))


t, every, history = 0, torch.arange(R)[:, None], []
for _ in range(given["epochs"]):
    order = torch.rand(R, ROWS).argsort(1)
    xs, ys, total = x[every, order], y[every, order], torch.zeros(R)
    for i in range(0, ROWS, BATCH):
        t += 1
        g, loss = slope(model, xs[:, i : i + BATCH], ys[:, i : i + BATCH])
        with torch.no_grad():
            update(g, t)
        total += loss.detach()
    with torch.no_grad():
        held, right = measure(model, x[:, ROWS:], y[:, ROWS:])
        history.append((total, held, right.float().mean(1)))
losses = torch.stack([held for _, held, _ in history]).min(0).values.nan_to_num(9)
say(best={name: float(losses[part].min()) for name, part in zip(NAMES, own, strict=True)})
