"""Make the reference values of torch and others that the tests hold optcli to.

    python -m tests.reference.make

Needs torch, optax and scikit-learn; the tests do not. Writes table.csv, torch.json,
layers.json and losses.json beside itself.
"""

import csv
import json
import math
from pathlib import Path

import numpy as np
import torch

from optcli.losses.base import LOSSES as REGISTERED
from tests.reference import losses

HERE = Path(__file__).parent
ROWS, EPOCHS = 42, 8
FEATURES = ["a", "b", "c"]
LOSSES = {
    "cross_entropy": ["class"],
    "binary_cross_entropy": ["left", "right"],
    "mse": ["y", "z"],
}
OPTIMIZERS = {
    "sgd": (torch.optim.SGD, {"lr": 0.1}),
    "sgd-nesterov": (
        torch.optim.SGD,
        {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01},
    ),
    "sgd-dampened": (torch.optim.SGD, {"lr": 0.05, "momentum": 0.9, "dampening": 0.3}),
    "momentum": (torch.optim.SGD, {"lr": 0.03, "momentum": 0.9}),
    "adagrad": (
        torch.optim.Adagrad,
        {"lr": 0.2, "lr_decay": 0.05, "initial_accumulator_value": 0.1, "eps": 1e-6},
    ),
    "adam": (torch.optim.Adam, {"lr": 0.05}),
    "adam-off": (
        torch.optim.Adam,
        {"lr": 0.03, "betas": [0.7, 0.95], "eps": 1e-4, "weight_decay": 0.02},
    ),
}


def table() -> list[dict[str, str]]:
    """Rows that need no generator of random numbers."""
    rows = []
    for i in range(ROWS):
        a, b, c = (math.sin(k * i + k) * k for k in (1.3, 2.1, 0.7))
        score = 1.5 * a - b + 0.5 * math.sin(5 * i)
        rows.append(
            {
                "a": f"{a:.6f}",
                "b": f"{b:.6f}",
                "c": f"{c:.6f}",
                "class": ["red", "green", "blue"][0 if score > 1 else 1 if score > -1 else 2],
                "left": "yes" if a + 0.3 * math.cos(7 * i) > 0 else "no",
                "right": str(int(b * c + 0.4 * math.cos(3 * i) > 0)),
                "y": f"{2 * a - c + 0.3 + 0.2 * math.sin(11 * i):.6f}",
                "z": f"{b + 0.1 * math.cos(13 * i):.6f}",
            }
        )
    return rows


def target(rows: list[dict[str, str]], loss: str) -> torch.Tensor:
    """Targets as the loss wants them; classes are sorted as text."""
    if loss == "cross_entropy":
        return torch.tensor([["blue", "green", "red"].index(row["class"]) for row in rows])
    if loss == "binary_cross_entropy":
        return torch.tensor(
            [[float(row["left"] == "yes"), float(row["right"])] for row in rows],
            dtype=torch.float64,
        )
    return torch.tensor([[float(row["y"]), float(row["z"])] for row in rows], dtype=torch.float64)


FUNCTIONS = {
    "cross_entropy": torch.nn.functional.cross_entropy,
    "binary_cross_entropy": torch.nn.functional.binary_cross_entropy_with_logits,
    "mse": torch.nn.functional.mse_loss,
}


def train(x: torch.Tensor, y: torch.Tensor, loss: str, optimizer: str, batch: int) -> list[float]:
    """The training loss of each epoch, as seen before each update, by the rows of a batch."""
    outputs = 3 if loss == "cross_entropy" else y.shape[1]
    model = torch.nn.Linear(x.shape[1], outputs, dtype=torch.float64)
    torch.nn.init.zeros_(model.weight)
    torch.nn.init.zeros_(model.bias)
    rule, settings = OPTIMIZERS[optimizer]
    steps = rule(model.parameters(), **settings)
    losses = []
    for _ in range(EPOCHS):
        total = 0.0
        for start in range(0, len(x), batch):
            part = slice(start, start + batch)
            steps.zero_grad()
            value = FUNCTIONS[loss](model(x[part]), y[part])
            value.backward()
            steps.step()
            total += value.item() * len(x[part])
        losses.append(total / len(x))
    return losses


def waves(*shape: int, of: float) -> torch.Tensor:
    """Numbers that need no generator of random ones, no two alike."""
    count = torch.arange(math.prod(shape), dtype=torch.float64)
    return torch.round(torch.sin(of * count + of), decimals=6).reshape(shape)


LAYERS = {
    "convolution-strided": torch.nn.Conv2d(2, 3, (3, 2), stride=(2, 3), padding=(1, 2)),
    "max_pool-overlapping": torch.nn.MaxPool2d((3, 2), (1, 2)),
    "average_pool-overlapping": torch.nn.AvgPool2d((3, 2), (1, 2)),
    "batch_norm-image": torch.nn.BatchNorm2d(2, eps=0.01),
    "batch_norm": torch.nn.BatchNorm1d(5),
}
OUR_NAMES = {"batch_norm": {"weight": "scale", "bias": "shift"}}


def layer(case: str) -> dict[str, object]:
    """Input, parameters, output and gradients of a layer."""
    module = LAYERS[case].double()
    x = waves(4, *((5,) if case == "batch_norm" else (2, 5, 7)), of=1.7).requires_grad_()
    found = {}
    for number, (name, own) in enumerate(module.named_parameters()):
        own.data = waves(*own.shape, of=0.9 + number)
        found[OUR_NAMES.get(case.partition("-")[0], {}).get(name, name)] = own
    y = module(x)
    dy = waves(*y.shape, of=2.3)
    y.backward(dy)
    tensors = {"x": x, "y": y, "dy": dy, "dx": x.grad, **found}
    tensors |= {f"d{name}": own.grad for name, own in found.items()}
    return {name: tensor.tolist() for name, tensor in tensors.items()}


def pinned_losses() -> dict[str, object]:
    """Samples for each case of a loss, and what its library says of them."""
    pins: dict[str, object] = {}
    for case in losses.CASES:
        loss = REGISTERED.find(case.name)(**case.settings)
        for scale in losses.SCALES:
            scores, target = losses.samples(loss, columns=3, rows=5, seed=1, scale=scale)
            weight = np.random.default_rng(2).uniform(0.1, 2, len(scores))
            found = case.reference(scores, target, case.settings)
            value, gradient = losses.mean(found, weight)
            pins[f"{case.label}, scores of {scale:g}"] = {
                "library": case.library,
                "scores": scores.tolist(),
                "target": target.tolist(),
                "weight": weight.tolist(),
                "value": value,
                "gradient": gradient.tolist(),
            }
    return pins


def main() -> None:
    pins_of_losses = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in pinned_losses().items()]
    (HERE / "losses.json").write_text("{\n" + ",\n".join(pins_of_losses) + "\n}\n")
    rows = table()
    with (HERE / "table.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    x = torch.tensor([[float(row[f]) for f in FEATURES] for row in rows], dtype=torch.float64)
    pins = {
        f"{loss}/{optimizer}/{batch or 'full'}": train(
            x, target(rows, loss), loss, optimizer, batch or ROWS
        )
        for loss in LOSSES
        for optimizer in OPTIMIZERS
        for batch in (16, 0)
    }
    (HERE / "torch.json").write_text(json.dumps(pins, indent=1) + "\n")
    layers = {case: layer(case) for case in LAYERS}
    (HERE / "layers.json").write_text(json.dumps(layers) + "\n")


if __name__ == "__main__":
    main()
