"""What torch and optax do with each optimizer: cases, problems, and the libraries at work.

    python -m tests.reference.optimizers

writes optimizers.json beside itself: the parameters after each problem, by case. Needs
torch and optax then; to read the cases takes NumPy alone.
"""

import json
from pathlib import Path
from typing import ClassVar

import numpy as np

from optcli.core.randomness import Stream

PINS = Path(__file__).with_suffix(".json")
STEPS = 100

# Settings off the defaults, for every registered optimizer; after a dash, another variant.
CASES = {
    "sgd": {"lr": 0.1},
    "sgd-momentum": {"lr": 0.1, "momentum": 0.8, "dampening": 0.2, "weight_decay": 0.05},
    "sgd-nesterov": {"lr": 0.1, "momentum": 0.7, "nesterov": True},
    "momentum": {"lr": 0.02, "momentum": 0.7, "weight_decay": 0.1},
    "nesterov": {"lr": 0.02, "momentum": 0.8, "weight_decay": 0.1},
    "adagrad": {"lr": 0.2, "lr_decay": 0.1, "eps": 1e-5, "initial_accumulator_value": 0.3},
    "adadelta": {"lr": 0.7, "rho": 0.8, "eps": 1e-4, "weight_decay": 0.1},
    "rmsprop": {"lr": 0.02, "rho": 0.9, "eps": 1e-4, "weight_decay": 0.1},
    "rmsprop-momentum": {"lr": 0.02, "rho": 0.9, "momentum": 0.7},
    "rmsprop-centered": {"lr": 0.02, "rho": 0.8, "centered": True, "momentum": 0.5, "eps": 0.01},
    "adam": {"lr": 0.05, "beta1": 0.8, "beta2": 0.95, "eps": 1e-5, "weight_decay": 0.1},
    "adamax": {"lr": 0.05, "beta1": 0.8, "beta2": 0.95, "eps": 1e-5, "weight_decay": 0.1},
    "nadam": {"lr": 0.03, "beta1": 0.8, "beta2": 0.95, "momentum_decay": 0.02},
    "nadam-decay": {"lr": 0.03, "beta1": 0.3, "eps": 1e-4, "weight_decay": 0.1},
    "amsgrad": {"lr": 0.05, "beta1": 0.8, "beta2": 0.8, "eps": 1e-5, "weight_decay": 0.1},
    "adamw": {"lr": 0.05, "beta1": 0.8, "beta2": 0.95, "eps": 1e-5, "weight_decay": 0.2},
    "asgd": {"lr": 0.1, "lambd": 0.02, "alpha": 0.6, "t0": 10, "weight_decay": 0.1},
    "rprop": {"lr": 0.05, "eta_minus": 0.4, "eta_plus": 1.3, "step_min": 0.01, "step_max": 0.2},
    "radam": {"lr": 0.05, "beta1": 0.8, "beta2": 0.9, "eps": 1e-4, "weight_decay": 0.1},
    "adabelief": {"lr": 0.05, "beta1": 0.8, "beta2": 0.95, "eps": 1e-5, "eps_root": 1e-6},
    "adan": {"lr": 0.05, "beta1": 0.9, "beta2": 0.8, "beta3": 0.95, "weight_decay": 0.1},
    "lion": {"lr": 0.02, "beta1": 0.8, "beta2": 0.95, "weight_decay": 0.1},
    "yogi": {"lr": 0.05, "beta1": 0.8, "beta2": 0.95, "eps": 1e-2},
    "sign_sgd": {"lr": 0.02},
    "signum": {"lr": 0.02, "momentum": 0.8},
    "noisy_sgd": {"lr": 0.1, "eta": 0.3, "gamma": 0.4},
    "optimistic_adam": {"lr": 0.05, "beta1": 0.8, "beta2": 0.95, "alpha": 0.9, "optimism": 0.6},
    "optimistic_adam-plain": {"lr": 0.05, "beta1": 0.8, "eps": 1e-4, "nesterov": False},
    "nadamw": {"lr": 0.05, "beta1": 0.8, "beta2": 0.95, "eps": 1e-5, "weight_decay": 0.1},
    "ademamix": {"lr": 0.02, "beta1": 0.8, "beta3": 0.98, "alpha": 3.0, "weight_decay": 0.1},
    "adopt": {"lr": 0.05, "beta1": 0.8, "beta2": 0.95, "eps": 1e-4},
    "adopt-free": {"lr": 0.05, "beta1": 0.8, "beta2": 0.99, "clipping": False},
    "madgrad": {"lr": 0.05, "momentum": 0.8, "eps": 1e-4, "weight_decay": 0.1},
    "qhadam": {"lr": 0.05, "beta1": 0.9, "beta2": 0.95, "nu1": 0.6, "nu2": 0.8},
    "aggmo": {"lr": 0.05, "velocities": 4, "base": 0.3, "weight_decay": 0.1},
    "laprop": {"lr": 0.02, "beta1": 0.8, "beta2": 0.95, "eps": 1e-5, "weight_decay": 0.1},
    "grams": {"lr": 0.05, "beta1": 0.8, "beta2": 0.95, "eps": 1e-5, "weight_decay": 0.1},
    "ftrl": {"lr": 0.3, "beta": 0.5, "l1": 0.2, "l2": 0.1},
    "cocob": {"alpha": 50.0, "eps": 1e-4, "weight_decay": 0.1},
    "fista": {"lr": 0.05, "l1": 0.2},
    "lamb": {"lr": 0.05, "beta1": 0.8, "beta2": 0.95, "eps": 1e-4, "weight_decay": 0.1},
    "lars": {"lr": 0.5, "momentum": 0.8, "trust_coefficient": 0.1, "eps": 0.01},
    "lars-nesterov": {"lr": 0.5, "trust_coefficient": 0.05, "nesterov": True, "weight_decay": 0.1},
    "novograd": {"lr": 0.05, "beta1": 0.8, "beta2": 0.5, "eps": 1e-4, "weight_decay": 0.1},
    "fromage": {"lr": 0.05, "min_norm": 1e-3},
    "sm3": {"lr": 0.2, "momentum": 0.7},
    "adafactor": {"lr": 0.05, "beta2_decay": -0.6, "eps": 0.01, "d": 1.5, "weight_decay": 0.1},
    "muon": {"lr": 0.05, "momentum": 0.8, "eps": 1e-4, "ns_steps": 4, "weight_decay": 0.2},
    "muon-plain": {"lr": 0.05, "nesterov": False, "beta1": 0.8, "beta2": 0.95},
    "shampoo": {"lr": 0.2, "eps": 1e-2, "frequency": 3, "weight_decay": 0.1},
    "soap": {"lr": 0.05, "beta1": 0.9, "beta2": 0.8, "eps": 1e-4, "frequency": 3},
    "cautious_adamw": {"lr": 0.05, "beta1": 0.8, "beta2": 0.95, "eps": 1e-5, "weight_decay": 0.1},
    "mars": {"lr": 0.05, "beta1": 0.9, "beta2": 0.95, "gamma": 0.1, "weight_decay": 0.1},
    "schedule_free_sgd": {"lr": 0.1, "momentum": 0.8, "weight_lr_power": 1.0, "weight_decay": 0.1},
    "schedule_free_adamw": {"lr": 0.05, "beta1": 0.8, "beta2": 0.95, "weight_decay": 0.1},
    "prodigy": {"estim_lr0": 1e-2, "estim_lr_coef": 0.8, "beta2": 0.99, "weight_decay": 0.1},
    "dadapt_adam": {"estim_lr0": 1e-2, "beta2": 0.95, "eps": 1e-4, "weight_decay": 0.1},
    "dog": {"lr": 0.8, "reps_rel": 0.01, "eps": 1e-4, "weight_decay": 0.1},
    "dowg": {"lr": 0.5, "init_estim_sq_dist": 0.01, "eps": 0.01, "weight_decay": 0.1},
    "polyak_sgd": {"max_learning_rate": 0.3, "f_min": 0.1, "eps": 0.5},
    "momo": {"lr": 0.5, "momentum": 0.7, "lower_bound": 0.1, "weight_decay": 0.1},
    "momo-adaptive": {"lr": 0.9, "momentum": 0.7, "adapt_lower_bound": True},
    "random_search": {"lr": 0.3},
    "random_local_search": {"lr": 0.2},
    "lbfgs": {"lr": 0.1, "history_size": 5},
    "sophia": {"lr": 0.02, "beta1": 0.8, "beta2": 0.9, "gamma": 0.6, "clip": 0.7, "frequency": 3},
    "sophia-decay": {"lr": 0.05, "gamma": 2.0, "eps": 1e-3, "weight_decay": 0.2},
    "newton": {"lr": 0.7, "damping": 0.1},
    "gauss_newton": {"lr": 0.7, "damping": 0.1},
    "svrg": {"lr": 0.05, "epochs": 3},
    "saga": {"lr": 0.05},
}


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


def settings_of(case, problem):
    """The hyperparameters of the case on a problem."""
    settings = dict(CASES[case])
    if "lr" in settings:
        settings["lr"] *= problem.lr
    return settings


def split(x, shapes):
    """Views of x (P,) by name."""
    found, at = {}, 0
    for name, shape in shapes.items():
        found[name] = x[at : at + np.prod(shape)].reshape(shape)
        at += np.prod(shape)
    return found


# ---- torch -------------------------------------------------------------------------------

# Our name for torch's, where they differ.
TORCH_KEYS = {"rmsprop": {"rho": "alpha"}}
TORCH = {
    "sgd": "SGD",
    "momentum": "SGD",
    "nesterov": "SGD",
    "adagrad": "Adagrad",
    "adadelta": "Adadelta",
    "rmsprop": "RMSprop",
    "adam": "Adam",
    "adamax": "Adamax",
    "nadam": "NAdam",
    "amsgrad": "Adam",
    "adamw": "AdamW",
    "asgd": "ASGD",
    "rprop": "Rprop",
    "radam": "RAdam",
    "adafactor": "Adafactor",
    "muon": "Muon",
    "lbfgs": "LBFGS",
}
TORCH_EXTRAS = {
    "nesterov": {"nesterov": True},
    "amsgrad": {"amsgrad": True},
    "lbfgs": {"max_iter": 1},
}


def torch_settings(name, settings):
    """Our settings in torch's words."""
    found = {TORCH_KEYS.get(name, {}).get(key, key): of for key, of in settings.items()}
    found |= TORCH_EXTRAS.get(name, {})
    if "beta1" in found or "beta2" in found:
        found["betas"] = (found.pop("beta1", 0.9), found.pop("beta2", 0.999))
    if name == "rprop":
        found["etas"] = (found.pop("eta_minus"), found.pop("eta_plus"))
        found["step_sizes"] = (found.pop("step_min"), found.pop("step_max"))
    if name == "adafactor":
        found["eps"] = (None, found["eps"])
    return found


def with_torch(case, problem):
    """The model after all steps, by torch."""
    import torch

    name = case.partition("-")[0]
    if name == "muon":
        return with_torch_muon(settings_of(case, problem), problem)
    settings = settings_of(case, problem)
    x = {key: torch.tensor(of) for key, of in split(problem.start, problem.shapes).items()}
    for tensor in x.values():
        tensor.requires_grad_()
    optimizer = getattr(torch.optim, TORCH[name])(x.values(), **torch_settings(name, settings))
    for t in range(STEPS):
        at = np.concatenate([tensor.detach().numpy().ravel() for tensor in x.values()])
        loss, g = problem.loss_and_gradient(t, at)
        for key, of in split(g, problem.shapes).items():
            x[key].grad = torch.tensor(of)
        optimizer.step(lambda loss=loss: torch.tensor(loss))
    model = [optimizer.state[each]["ax"] if name == "asgd" else each for each in x.values()]
    return np.concatenate([each.detach().numpy().ravel() for each in model])


def with_torch_muon(settings, problem):
    """Muon in full digits for matrices, as torch holds them; AdamW for vectors."""
    from unittest import mock

    import torch

    # torch's Linear keeps (outputs, inputs); kernels are matrices of outputs' rows
    def turned(name, of):
        return of.T if of.ndim == 2 else of.reshape(len(of), -1) if of.ndim > 2 else of

    parts = split(problem.start, problem.shapes)
    x = {key: torch.tensor(turned(key, of).copy()).requires_grad_() for key, of in parts.items()}
    own = {key: of for key, of in settings.items() if key not in ("beta1", "beta2")}
    betas = settings.get("beta1", 0.9), settings.get("beta2", 0.999)
    eps, decay = settings.get("eps", 1e-7), settings.get("weight_decay", 0.1)
    rules = [
        torch.optim.Muon([of for of in x.values() if of.ndim == 2], **own),
        torch.optim.AdamW([x["b"]], lr=settings["lr"], betas=betas, eps=eps, weight_decay=decay),
    ]

    def flat():
        found = {key: of.detach().numpy() for key, of in x.items()}
        found["w"] = found["w"].T
        return np.concatenate([of.ravel() for of in found.values()])

    with mock.patch.object(torch.Tensor, "bfloat16", torch.Tensor.clone):
        for t in range(STEPS):
            _, g = problem.loss_and_gradient(t, flat())
            for key, of in split(g, problem.shapes).items():
                x[key].grad = torch.tensor(turned(key, of).copy())
            for rule in rules:
                rule.step()
    return flat()


# ---- optax -------------------------------------------------------------------------------

OPTAX_KEYS = {
    "beta1": "b1",
    "beta2": "b2",
    "beta3": "b3",
    "lr": "learning_rate",
    "clipping": "use_clipping",
}
OPTAX = {
    "adabelief": "adabelief",
    "adan": "adan",
    "lion": "lion",
    "yogi": "yogi",
    "sign_sgd": "sign_sgd",
    "signum": "signum",
    "optimistic_adam": "optimistic_adam_v2",
    "nadamw": "nadamw",
    "ademamix": "contrib.ademamix",
    "adopt": "contrib.adopt",
    "madgrad": "contrib.madgrad",
    "cocob": "contrib.cocob",
    "lamb": "lamb",
    "lars": "lars",
    "novograd": "novograd",
    "fromage": "fromage",
    "sm3": "sm3",
    "schedule_free_sgd": "contrib.schedule_free_sgd",
    "schedule_free_adamw": "contrib.schedule_free_adamw",
    "prodigy": "contrib.prodigy",
    "dadapt_adam": "contrib.dadapt_adamw",
    "dog": "contrib.dog",
    "dowg": "contrib.dowg",
    "polyak_sgd": "polyak_sgd",
    "momo": "contrib.momo",
    "sophia": "contrib.sophia",
}
OPTAX_KEYS_OF = {
    "signum": {"momentum": "beta"},
    "optimistic_adam": {"optimism": "beta"},
    "schedule_free_sgd": {"momentum": "b1"},
    "momo": {"momentum": "beta"},
    "polyak_sgd": {"lr": "scaling"},
    "sophia": {"clip": "clip_threshold", "frequency": "update_interval"},
    # these take both betas as one
    "prodigy": {"beta1": "beta1", "beta2": "beta2"},
    "dadapt_adam": {"beta1": "beta1", "beta2": "beta2"},
}


def optax_rule(name, settings):
    """The transformation of optax."""
    import optax

    words = OPTAX_KEYS | OPTAX_KEYS_OF.get(name, {})
    found = {words.get(key, key): of for key, of in settings.items()}
    if name == "sophia":
        found["hessian_diagonal_fn"] = optax.GradientTransformationExtraArgs(
            lambda x: (), lambda g, state, params, estimate: (estimate, state)
        )
    if "beta2" in found:
        found["betas"] = (found.pop("beta1", 0.9), found.pop("beta2"))
    if name == "dog":
        found["init_step"] = ("heuristic", found.pop("reps_rel"))
    rule = optax
    for part in OPTAX[name].split("."):
        rule = getattr(rule, part)
    return rule(**found)


def with_optax(case, problem):
    """The model after all steps, by optax."""
    import jax
    import optax

    name = case.partition("-")[0]
    with jax.enable_x64(True):
        rule = optax_rule(name, settings_of(case, problem))
        x = {key: jax.numpy.asarray(of) for key, of in split(problem.start, problem.shapes).items()}
        state = rule.init(x)
        extra = {"value": 0.0} if name in ("polyak_sgd", "momo") else {}

        def flat(x):  # jax sorts the names
            return np.concatenate([np.asarray(x[key]).ravel() for key in problem.shapes])

        @jax.jit
        def step(x, state, g, extra):
            updates, state = rule.update(g, state, x, **extra)
            return optax.apply_updates(x, updates), state

        for t in range(STEPS):
            loss, g = problem.loss_and_gradient(t, flat(x))
            given = {key: np.float64(loss) for key in extra}
            if name == "sophia":
                signs = np.sign(Stream(0, "optimizer").at(t + 1).standard_normal(len(g)))
                estimate = signs * (problem.hessian(flat(x)) @ signs)
                given = {"estimate": split(estimate, problem.shapes)}
            x, state = step(x, state, split(g, problem.shapes), given)
        if name.startswith("schedule_free"):
            x = optax.contrib.schedule_free_eval_params(state, x)
        return flat(x)


def library(case):
    """`torch`, `optax` or `""`: what the case can be compared with."""
    name = case.partition("-")[0]
    return "torch" if name in TORCH else "optax" if name in OPTAX else ""


def compare(case, problem):
    """The model after all steps, by the library that has the case."""
    if library(case) == "optax":
        return with_optax(case, problem)
    import torch

    # torch keeps some numbers of its state in the default dtype
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        return with_torch(case, problem)
    finally:
        torch.set_default_dtype(usual)


def main():
    pins = {
        case: {name: compare(case, problem).tolist() for name, problem in PROBLEMS.items()}
        for case in CASES
        if library(case)
    }
    lines = (f"{json.dumps(case)}: {json.dumps(pin)}" for case, pin in pins.items())
    PINS.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
