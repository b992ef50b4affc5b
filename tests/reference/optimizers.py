"""What torch and optax do with each optimizer: the libraries at work on the problems.

    python -m tests.reference.optimizers

writes optimizers.json beside itself: the parameters after each problem, by case. Needs
torch and optax then; to read the cases takes NumPy alone.
"""

import json
from pathlib import Path

import numpy as np

from optcli.core.randomness import Stream
from tests.reference.problems import PROBLEMS, STEPS, split
from tests.reference.rules import CASES

PINS = Path(__file__).with_suffix(".json")


def settings_of(case, problem):
    """The hyperparameters of the case on a problem."""
    settings = dict(CASES[case])
    if "lr" in settings:
        settings["lr"] *= problem.lr
    return settings


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
