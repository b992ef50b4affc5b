"""What each optimizer is held to: settings to try, learning rates to get there, its rule.

A rule is written plainly, its hyperparameters being functions of the step.
A rule gets x (P,), its gradients (T, P) and `at`: at(t) has the hyperparameters of step t,
counted from 1, and at(0) those of the config, which what is set before the first step takes.
It gives the model. These follow the formulas of the pages, not the code.
"""

import dataclasses
from types import SimpleNamespace

import numpy as np

from optcli.core.randomness import Stream
from tests.reference.problems import PROBLEMS, split

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

# Learning rate for the parabola in 1,000 steps, then learning rate and steps for Rosenbrock.
GOALS = {
    "adabelief": (1.0, 0.56, 1000),
    "adadelta": (17.0, 0.56, 10_000),
    "adafactor": (0.3, 0.1, 10_000),
    "adagrad": (5.0, 1.0, 10_000),
    "adam": (1.0, 0.56, 1000),
    "adamax": (1.0, 0.56, 3000),
    "adamw": (1.0, 0.56, 1000),
    "adan": (0.56, 0.3, 1000),
    "ademamix": (3.0, 0.56, 3000),
    "adopt": (3.0, 1.0, 3000),
    "aggmo": (0.3, 0.0005, 3000),
    "amsgrad": (1.0, 0.56, 1000),
    "asgd": (0.3, 0.003, 10_000),
    "cautious_adamw": (1.0, 0.56, 1000),
    "cocob": (1.0, 1.0, 20_000),
    "dadapt_adam": (3.0, 3.0, 1000),
    "dog": (3.0, 1.7, 10_000),
    "dowg": (1.0, 0.56, 10_000),
    "fista": (0.17, 0.0007, 3000),
    "fromage": (0.03, 0.17, 3000),
    "ftrl": (5.0, 1.0, 10_000),
    "grams": (1.0, 0.56, 3000),
    "lamb": (0.03, 0.05, 3000),
    "laprop": (1.0, 0.56, 1000),
    "lars": (3.0, 17.0, 1000),
    "lbfgs": (0.56, 0.17, 1000),
    "lion": (0.05, 0.02, 3000),
    "madgrad": (0.5, 0.05, 1000),
    "mars": (1.0, 0.17, 1000),
    "momentum": (0.1, 0.002, 3000),
    "momo": (1.0, 1.0, 1000),
    "muon": (0.05, 0.05, 1000),
    "nadam": (1.0, 0.1, 3000),
    "nadamw": (1.0, 0.4, 1000),
    "nesterov": (0.05, 0.001, 3000),
    "noisy_sgd": (0.1, 0.003, 10_000),
    "newton": (1.0, 1.0, 100),
    "novograd": (0.05, 0.01, 1000),
    "optimistic_adam": (1.0, 0.1, 3000),
    "polyak_sgd": (1.0, 1.7, 1000),
    "prodigy": (3.0, 1.0, 1000),
    "qhadam": (3.0, 0.1, 3000),
    "radam": (0.5, 0.0056, 10_000),
    "random_local_search": (0.17, 1.0, 1000),
    "random_search": (3.0, 5.6, 3000),
    "rmsprop": (1.0, 0.02, 3000),
    "rprop": (0.05, 0.01, 3000),
    "schedule_free_adamw": (3.0, 0.3, 3000),
    "schedule_free_sgd": (1.0, 0.0056, 10_000),
    "sgd": (0.3, 0.003, 10_000),
    "shampoo": (5.0, 1.0, 10_000),
    "sign_sgd": (0.1, 1.0, 3000),
    "signum": (0.017, 0.0056, 3000),
    "sm3": (5.0, 3.0, 3000),
    "soap": (0.56, 0.5, 1000),
    "sophia": (0.1, 0.1, 1000),
    "svrg": (0.3, 0.003, 10_000),
    "yogi": (1.0, 0.56, 1000),
}


def settings(optimizer, factors=None):
    """Its hyperparameters by step, some of them times factors (T,) from step 1 on."""
    fixed = {f.name: getattr(optimizer, f.name) for f in dataclasses.fields(optimizer)}

    def at(t):
        moved = {name: fixed[name] * own[t - 1] for name, own in (factors or {}).items() if t}
        return SimpleNamespace(**fixed | moved)

    return at


def corrected(gradients, at):
    """Step, gradient, hyperparameters, and the corrected moments of Adam."""
    m = v = 0
    for t, g in enumerate(gradients, 1):
        h = at(t)
        m = h.beta1 * m + (1 - h.beta1) * g
        v = h.beta2 * v + (1 - h.beta2) * g**2
        yield g, h, m / (1 - h.beta1**t), v / (1 - h.beta2**t)


def each(gradients, at):
    for t, g in enumerate(gradients, 1):
        yield t, g, at(t)


def sgd(x, gradients, at):
    b = None
    for _, g, h in each(gradients, at):
        g = g + h.weight_decay * x
        b = g if b is None else h.momentum * b + (1 - h.dampening) * g
        x = x - h.lr * (g + h.momentum * b if h.nesterov else b if at(0).momentum else g)
    return x


def momentum(x, gradients, at):
    v = 0
    for _, g, h in each(gradients, at):
        v = h.momentum * v - h.lr * (g + h.weight_decay * x)
        x = x + v
    return x


def nesterov(x, gradients, at):
    v = 0
    for _, g, h in each(gradients, at):
        g = g + h.weight_decay * x
        v = h.momentum * v - h.lr * g
        x = x + h.momentum * v - h.lr * g
    return x


def adagrad(x, gradients, at):
    total = at(0).initial_accumulator_value
    for t, g, h in each(gradients, at):
        g = g + h.weight_decay * x
        total = total + g**2
        x = x - h.lr / (1 + (t - 1) * h.lr_decay) * g / (np.sqrt(total) + h.eps)
    return x


def adadelta(x, gradients, at):
    v = u = 0
    for _, g, h in each(gradients, at):
        g = g + h.weight_decay * x
        v = h.rho * v + (1 - h.rho) * g**2
        step = np.sqrt(u + h.eps) / np.sqrt(v + h.eps) * g
        u = h.rho * u + (1 - h.rho) * step**2
        x = x - h.lr * step
    return x


def rmsprop(x, gradients, at):
    v = m = b = 0
    for _, g, h in each(gradients, at):
        g = g + h.weight_decay * x
        v = h.rho * v + (1 - h.rho) * g**2
        m = h.rho * m + (1 - h.rho) * g if h.centered else 0
        b = h.momentum * b + g / (np.sqrt(v - m**2) + h.eps)
        x = x - h.lr * b
    return x


def adam(x, gradients, at):
    m = v = 0
    for t, g, h in each(gradients, at):
        g = g + h.weight_decay * x
        m = h.beta1 * m + (1 - h.beta1) * g
        v = h.beta2 * v + (1 - h.beta2) * g**2
        x = x - h.lr * (m / (1 - h.beta1**t)) / (np.sqrt(v / (1 - h.beta2**t)) + h.eps)
    return x


def adamw(x, gradients, at):
    for _, h, m, v in corrected(gradients, at):
        x = x - h.lr * h.weight_decay * x
        x = x - h.lr * m / (np.sqrt(v) + h.eps)
    return x


def amsgrad(x, gradients, at):
    m = v = w = 0
    for t, g, h in each(gradients, at):
        g = g + h.weight_decay * x
        m = h.beta1 * m + (1 - h.beta1) * g
        v = h.beta2 * v + (1 - h.beta2) * g**2
        w = np.maximum(w, v)
        x = x - h.lr * m / (1 - h.beta1**t) / (np.sqrt(w / (1 - h.beta2**t)) + h.eps)
    return x


def adamax(x, gradients, at):
    m = u = 0
    for t, g, h in each(gradients, at):
        g = g + h.weight_decay * x
        m = h.beta1 * m + (1 - h.beta1) * g
        u = np.maximum(h.beta2 * u, np.abs(g) + h.eps)
        x = x - h.lr / (1 - h.beta1**t) * m / u
    return x


def nadam(x, gradients, at):
    m = v = 0
    product = 1
    for t, g, h in each(gradients, at):
        g = g + h.weight_decay * x
        mu, ahead = (h.beta1 * (1 - 0.5 * 0.96 ** (s * h.momentum_decay)) for s in (t, t + 1))
        product = product * mu
        m = h.beta1 * m + (1 - h.beta1) * g
        v = h.beta2 * v + (1 - h.beta2) * g**2
        mean = ahead * m / (1 - product * ahead) + (1 - mu) * g / (1 - product)
        x = x - h.lr * mean / (np.sqrt(v / (1 - h.beta2**t)) + h.eps)
    return x


def nadamw(x, gradients, at):
    m = v = 0
    for t, g, h in each(gradients, at):
        m = h.beta1 * m + (1 - h.beta1) * g
        v = h.beta2 * v + (1 - h.beta2) * g**2
        mean = h.beta1 * m / (1 - h.beta1 ** (t + 1)) + (1 - h.beta1) * g / (1 - h.beta1**t)
        step = mean / (np.sqrt(v / (1 - h.beta2**t)) + h.eps)
        x = x - h.lr * (step + h.weight_decay * x)
    return x


def radam(x, gradients, at):
    m = v = 0
    for t, g, h in each(gradients, at):
        g = g + h.weight_decay * x
        m = h.beta1 * m + (1 - h.beta1) * g
        v = h.beta2 * v + (1 - h.beta2) * g**2
        mean = m / (1 - h.beta1**t)
        limit = 2 / (1 - h.beta2) - 1
        rho = limit - 2 * t * h.beta2**t / (1 - h.beta2**t)
        if rho > 5:
            length = np.sqrt(1 - h.beta2**t) / (np.sqrt(v) + h.eps)
            top, bottom = (rho - 4) * (rho - 2) * limit, (limit - 4) * (limit - 2) * rho
            x = x - h.lr * np.sqrt(top / bottom) * length * mean
        else:
            x = x - h.lr * mean
    return x


def adabelief(x, gradients, at):
    m = s = 0
    for t, g, h in each(gradients, at):
        g = g + h.weight_decay * x
        m = h.beta1 * m + (1 - h.beta1) * g
        s = h.beta2 * s + (1 - h.beta2) * (g - m) ** 2 + h.eps_root
        x = x - h.lr * m / (1 - h.beta1**t) / (np.sqrt(s / (1 - h.beta2**t)) + h.eps)
    return x


def adan(x, gradients, at):
    m = v = n = 0
    before = gradients[0]
    for t, g, h in each(gradients, at):
        x = x - h.lr * h.weight_decay * x
        d, before = g - before, g
        m = h.beta1 * m + (1 - h.beta1) * g
        v = h.beta2 * v + (1 - h.beta2) * d
        n = h.beta3 * n + (1 - h.beta3) * (g + (1 - h.beta2) * d) ** 2
        along = m / (1 - h.beta1**t) + (1 - h.beta2) * v / (1 - h.beta2**t)
        x = x - h.lr * along / (np.sqrt(n / (1 - h.beta3**t) + h.eps_root) + h.eps)
    return x


def lion(x, gradients, at):
    m = 0
    for _, g, h in each(gradients, at):
        c = h.beta1 * m + (1 - h.beta1) * g
        x = x - h.lr * (np.sign(c) + h.weight_decay * x)
        m = h.beta2 * m + (1 - h.beta2) * g
    return x


def yogi(x, gradients, at):
    m = v = at(0).initial_accumulator_value
    for t, g, h in each(gradients, at):
        g = g + h.weight_decay * x
        m = h.beta1 * m + (1 - h.beta1) * g
        v = v - (1 - h.beta2) * np.sign(v - g**2) * g**2
        x = x - h.lr * m / (1 - h.beta1**t) / (np.sqrt(v / (1 - h.beta2**t)) + h.eps)
    return x


def sign_sgd(x, gradients, at):
    for _, g, h in each(gradients, at):
        x = x - h.lr * np.sign(g)
    return x


def signum(x, gradients, at):
    m = 0
    for _, g, h in each(gradients, at):
        m = h.momentum * m + (1 - h.momentum) * g
        x = x - h.lr * np.sign(m)
    return x


def optimistic_adam(x, gradients, at):
    m = v = 0
    before = None
    for t, g, h in each(gradients, at):
        g = g + h.weight_decay * x
        m = h.beta1 * m + (1 - h.beta1) * g
        v = h.beta2 * v + (1 - h.beta2) * g**2
        mean = m / (1 - h.beta1**t)
        if h.nesterov:
            mean = h.beta1 * m / (1 - h.beta1 ** (t + 1)) + (1 - h.beta1) * g / (1 - h.beta1**t)
        u = mean / (np.sqrt(v / (1 - h.beta2**t)) + h.eps)
        before = u if before is None else before
        x = x - h.lr * ((h.alpha + h.optimism) * u - h.optimism * before)
        before = u
    return x


def ademamix(x, gradients, at):
    m1 = m2 = v = 0
    for t, g, h in each(gradients, at):
        m1 = h.beta1 * m1 + (1 - h.beta1) * g
        m2 = h.beta3 * m2 + (1 - h.beta3) * g
        v = h.beta2 * v + (1 - h.beta2) * g**2
        along = m1 / (1 - h.beta1**t) + h.alpha * m2
        step = along / (np.sqrt(v / (1 - h.beta2**t)) + h.eps)
        x = x - h.lr * (step + h.weight_decay * x)
    return x


def adopt(x, gradients, at):
    m, v = 0, gradients[0] ** 2
    x = x - at(1).lr * at(1).weight_decay * x
    for t, g in enumerate(gradients[1:], 2):
        h = at(t)
        x = x - h.lr * h.weight_decay * x
        c = g / np.maximum(np.sqrt(v), h.eps)
        c = np.clip(c, -((t - 1) ** 0.25), (t - 1) ** 0.25) if h.clipping else c
        m = h.beta1 * m + (1 - h.beta1) * c
        x = x - h.lr * m
        v = h.beta2 * v + (1 - h.beta2) * g**2
    return x


def qhadam(x, gradients, at):
    m = v = 0
    for t, g, h in each(gradients, at):
        g = g + h.weight_decay * x
        m = h.beta1 * m + (1 - h.beta1) * g
        v = h.beta2 * v + (1 - h.beta2) * g**2
        along = (1 - h.nu1) * g + h.nu1 * m / (1 - h.beta1**t)
        square = (1 - h.nu2) * g**2 + h.nu2 * v / (1 - h.beta2**t)
        x = x - h.lr * along / (np.sqrt(square) + h.eps)
    return x


def madgrad(x, gradients, at):
    s = v = 0
    start = x
    for t, g, h in each(gradients, at):
        g = g + h.weight_decay * x
        weight = (h.lr + h.eps) * np.sqrt(t)
        s = s + weight * g
        v = v + weight * g**2
        z = start - s / (np.cbrt(v) + h.eps)
        x = h.momentum * x + (1 - h.momentum) * z
    return x


def grams(x, gradients, at):
    for g, h, m, v in corrected(gradients, at):
        step = np.sign(g) * np.abs(m / (np.sqrt(v) + h.eps))
        x = x - h.lr * (step + h.weight_decay * x)
    return x


def cautious_adamw(x, gradients, at):
    for g, h, m, v in corrected(gradients, at):
        u = m / (np.sqrt(v) + h.eps)
        mask = (u * g > 0).astype(float)
        x = x - h.lr * (u * mask / max(mask.mean(), 1e-3) + h.weight_decay * x)
    return x


def laprop(x, gradients, at):
    m = n = 0
    for t, g, h in each(gradients, at):
        n = h.beta2 * n + (1 - h.beta2) * g**2
        m = h.beta1 * m + (1 - h.beta1) * g / (np.sqrt(n / (1 - h.beta2**t)) + h.eps)
        x = x - h.lr * (m / (1 - h.beta1**t) + h.weight_decay * x)
    return x


def mars(x, gradients, at):
    m = v = 0
    before = gradients[0]
    for t, g, h in each(gradients, at):
        c = g + h.gamma * h.beta1 / (1 - h.beta1) * (g - before)
        before = g
        c = c / max(1, np.linalg.norm(c))
        m = h.beta1 * m + (1 - h.beta1) * c
        v = h.beta2 * v + (1 - h.beta2) * c**2
        u = m / (1 - h.beta1**t) / (np.sqrt(v / (1 - h.beta2**t)) + h.eps)
        x = x - h.lr * (u + h.weight_decay * x)
    return x


def aggmo(x, gradients, at):
    v = [0] * at(0).velocities
    for _, g, h in each(gradients, at):
        g = g + h.weight_decay * x
        v = [(1 - h.base**i) * own - g for i, own in enumerate(v)]
        x = x + h.lr / len(v) * sum(v)
    return x


def asgd(x, gradients, at):
    average = 0
    for t, g, h in each(gradients, at):
        g = g + h.weight_decay * x
        lr = h.lr / (1 + h.lambd * h.lr * (t - 1)) ** h.alpha
        x = (1 - h.lambd * lr) * x - lr * g
        average = average + (x - average) / max(1, t - 1 - h.t0)
    return average


def rprop(x, gradients, at):
    before, size = 0, at(0).lr
    for _, g, h in each(gradients, at):
        g = g + h.weight_decay * x
        turned, kept = g * before < 0, g * before > 0
        size = np.clip(
            size * np.where(kept, h.eta_plus, np.where(turned, h.eta_minus, 1)),
            h.step_min,
            h.step_max,
        )
        g = np.where(turned, 0, g)
        x = x - np.sign(g) * size
        before = g
    return x


def ftrl(x, gradients, at):
    n, d = 0, at(0).beta / at(0).lr
    z = -x * (d + at(0).l2) - np.sign(x) * at(0).l1
    for _, g, h in each(gradients, at):
        n = n + g**2
        new = (h.beta + np.sqrt(n)) / h.lr
        z = z + g - (new - d) * x
        d = new
        x = np.where(np.abs(z) <= h.l1, 0, -(z - np.sign(z) * h.l1) / (d + h.l2))
    return x


def fista(y, gradients, at):
    x, age = y, 1.0
    for _, g, h in each(gradients, at):
        u = y - h.lr * g
        new = np.sign(u) * np.maximum(np.abs(u) - h.lr * h.l1, 0)
        older, age = age, (1 + np.sqrt(1 + 4 * age**2)) / 2
        y = new + (older - 1) / age * (new - x)
        x = new
    return x


def cocob(x, gradients, at):
    start, L = x, at(0).eps
    G = won = theta = 0
    for _, g, h in each(gradients, at):
        g = h.lr * (g + h.weight_decay * x)
        L = np.maximum(L, np.abs(g))
        G = G + np.abs(g)
        won = np.maximum(won - g * (x - start), 0)
        theta = theta - g
        x = start + theta / (L * np.maximum(G + L, h.alpha * L)) * (L + won)
    return x


def normals(count, steps):
    return np.array([Stream(0, "optimizer").at(t).standard_normal(count) for t in steps])


def noisy_sgd(x, gradients, at):
    noise = normals(len(x), range(1, len(gradients) + 1))
    for t, g, h in each(gradients, at):
        x = x - h.lr * (g + np.sqrt(h.eta / t**h.gamma) * noise[t - 1])
    return x


def losses():
    return PROBLEMS["sequence"].losses


def random_search(x, gradients, at):
    start, tried = x, [x]
    noise = normals(len(x), range(1, len(gradients)))
    tried += [start + at(t).lr * step for t, step in enumerate(noise, 1)]
    return tried[losses()[: len(tried)].argmin()]


def random_local_search(x, gradients, at):
    lowest, best = np.inf, x
    noise = normals(len(x), range(1, len(gradients) + 1))
    for t, (loss, step) in enumerate(zip(losses(), noise, strict=False), 1):
        if loss < lowest:
            lowest, best = loss, x
        x = best + at(t).lr * step
    return best


def lamb(x, gradients, at):
    for _, h, m, v in corrected(gradients, at):
        u = m / (np.sqrt(v) + h.eps) + h.weight_decay * x
        sizes = np.linalg.norm(x), np.linalg.norm(u)
        x = x - h.lr * (sizes[0] / sizes[1] if all(sizes) else 1) * u
    return x


def lars(x, gradients, at):
    v = 0
    for _, g, h in each(gradients, at):
        g = g + h.weight_decay * x
        sizes = np.linalg.norm(x), np.linalg.norm(g)
        trust = h.trust_coefficient * sizes[0] / (sizes[1] + h.eps) if all(sizes) else 1
        v = h.momentum * v + h.lr * trust * g
        x = x - (h.momentum * v + h.lr * trust * g if h.nesterov else v)
    return x


def novograd(x, gradients, at):
    m, v = 0, np.linalg.norm(gradients[0]) ** 2
    for t, g, h in each(gradients, at):
        if t > 1:
            v = h.beta2 * v + (1 - h.beta2) * np.linalg.norm(g) ** 2
        m = h.beta1 * m + g / (np.sqrt(v) + h.eps) + h.weight_decay * x
        x = x - h.lr * m
    return x


def fromage(x, gradients, at):
    for _, g, h in each(gradients, at):
        sizes = [max(np.linalg.norm(each), h.min_norm) for each in (x, g)]
        x = (x - h.lr * sizes[0] / sizes[1] * g) / np.sqrt(1 + h.lr**2)
    return x


def sm3(x, gradients, at):
    lines = [np.zeros(n) for n in x.shape]
    m = 0
    for _, g, h in each(gradients, at):
        v = np.full(x.shape, np.inf)
        for axis, line in enumerate(lines):
            v = np.minimum(v, line.reshape([-1 if i == axis else 1 for i in range(x.ndim)]))
        v = v + g**2
        m = h.momentum * m + (1 - h.momentum) * g / np.sqrt(v + 1e-8)
        x = x - h.lr * m
        others = [tuple(i for i in range(x.ndim) if i != axis) for axis in range(x.ndim)]
        lines = [v.max(axis=each) for each in others]
    return x


def adafactor(x, gradients, at):
    v = row = column = 0
    least = np.finfo(float).eps
    for t, g, h in each(gradients, at):
        new = t**h.beta2_decay
        rate = min(h.lr, 1 / np.sqrt(t))
        if x.ndim < 2:
            v = (1 - new) * v + new * g**2
            square = v
        else:
            row = (1 - new) * row + new * (g**2).mean(axis=-1, keepdims=True)
            column = (1 - new) * column + new * (g**2).mean(axis=-2, keepdims=True)
            square = row * column / np.maximum(row.mean(axis=-2, keepdims=True), least)
        u = g / np.sqrt(np.maximum(square, least**2))
        u = u / max(1, np.sqrt((u**2).mean()) / h.d)
        size = max(h.eps, np.sqrt((x**2).mean()))
        x = x - h.lr * h.weight_decay * x - size * rate * u
    return x


def muon(x, gradients, at):
    if x.ndim < 2:
        return adamw(x, gradients, at)
    B = 0
    for _, g, h in each(gradients, at):
        B = h.momentum * B + (1 - h.momentum) * g
        step = (1 - h.momentum) * g + h.momentum * B if h.nesterov else B
        X = step.reshape(len(step), -1)
        X = X / max(np.linalg.norm(X), h.eps)
        if X.shape[0] > X.shape[1]:
            X = X.T
        for _ in range(h.ns_steps):
            A = X @ X.T
            X = 3.4445 * X + (-4.775 * A + 2.0315 * A @ A) @ X
        if X.shape != (len(step), step.size // len(step)):
            X = X.T
        # a dense layer's weight is (inputs, outputs), a kernel (outputs, inputs, …)
        outputs, inputs = X.shape if x.ndim > 2 else X.shape[::-1]
        X = X.reshape(x.shape) * np.sqrt(max(1, outputs / inputs))
        x = x - h.lr * (X + h.weight_decay * x)
    return x


def fractional(A, exponent, least):
    values, vectors = np.linalg.eigh(A)
    return vectors @ np.diag(np.maximum(values, least) ** exponent) @ vectors.T


def shampoo(x, gradients, at):
    L, R = (at(0).eps * np.eye(n) for n in (x.shape if x.ndim == 2 else (1, 1)))
    v = at(0).eps
    for t, g, h in each(gradients, at):
        g = g + h.weight_decay * x
        if x.ndim == 1:
            v = v + g**2
            x = x - h.lr * g / np.sqrt(v)
            continue
        L, R = L + g @ g.T, R + g.T @ g
        if (t - 1) % h.frequency == 0:
            left, right = fractional(L, -0.25, h.eps), fractional(R, -0.25, h.eps)
        x = x - h.lr * left @ g @ right
    return x


def soap(x, gradients, at):
    shape = x.shape
    x = x if x.ndim == 2 else x[None]
    L, R = (np.zeros((n, n)) for n in x.shape)
    left, right = (np.eye(n) for n in x.shape)
    m = v = np.zeros(x.shape)
    for t, g, h in each(gradients, at):
        k, g = t - 1, g.reshape(x.shape)
        x = x * (1 - h.lr * h.weight_decay)
        if k:
            m = h.beta1 * m + (1 - h.beta1) * g
            v = h.beta2 * v + (1 - h.beta2) * (left.T @ g @ right) ** 2
            turned = left.T @ m @ right / (np.sqrt(v) + h.eps)
            rate = h.lr * np.sqrt(1 - h.beta2**k) / (1 - h.beta1**k)
            x = x - rate * left @ turned @ right.T
        L = h.beta2 * L + (1 - h.beta2) * g @ g.T
        R = h.beta2 * R + (1 - h.beta2) * g.T @ g
        if len(shape) == 1:
            continue
        if k == 0:
            left, right = (np.linalg.eigh(A)[1][:, ::-1] for A in (L, R))
        elif k % h.frequency == 0:
            rows, columns = (
                np.argsort(-np.diag(Q.T @ A @ Q), kind="stable") for Q, A in ((left, L), (right, R))
            )
            v = v[rows][:, columns]
            left = np.linalg.qr((L @ left)[:, rows])[0]
            right = np.linalg.qr((R @ right)[:, columns])[0]
    return x.reshape(shape)


def averaged(x, z, weight, highest, h):
    """x of schedule-free methods after a step, with the sum of weights and the highest lr."""
    highest = max(highest, h.lr)
    weight = weight + highest**h.weight_lr_power
    share = highest**h.weight_lr_power / weight
    return (1 - share) * x + share * z, weight, highest


def schedule_free_sgd(y, gradients, at):
    x = z = y
    weight = highest = 0
    for _, g, h in each(gradients, at):
        z = z - h.lr * (g + h.weight_decay * y)
        x, weight, highest = averaged(x, z, weight, highest, h)
        y = (1 - h.momentum) * z + h.momentum * x
    return x


def schedule_free_adamw(y, gradients, at):
    x = z = y
    weight = highest = v = 0
    for t, g, h in each(gradients, at):
        v = h.beta2 * v + (1 - h.beta2) * g**2
        step = g / (np.sqrt(v / (1 - h.beta2**t)) + h.eps)
        z = z - h.lr * (step + h.weight_decay * y)
        x, weight, highest = averaged(x, z, weight, highest, h)
        y = (1 - h.beta1) * z + h.beta1 * x
    return x


def prodigy(x, gradients, at):
    start, d = x, at(0).estim_lr0
    r = m = v = s = 0
    for t, g, h in each(gradients, at):
        gamma = h.lr * d * np.sqrt(1 - h.beta2**t) / (1 - h.beta1**t)
        stays = np.sqrt(h.beta2)
        r = stays * r + gamma * d * (g @ (start - x)) / h.estim_lr0
        m = h.beta1 * m + (1 - h.beta1) * d * g
        v = h.beta2 * v + (1 - h.beta2) * (d * g) ** 2
        s = stays * s + gamma * d * g / h.estim_lr0
        d = max(d, h.estim_lr_coef * r / np.abs(s).sum())
        x = x - gamma * (m / (np.sqrt(v) + d * h.eps) + h.weight_decay * x)
    return x


def dadapt_adam(x, gradients, at):
    d = at(0).estim_lr0
    r, m = 0, 0
    v, s = np.zeros((2, len(x)))
    for t, g, h in each(gradients, at):
        gamma = h.lr * d * np.sqrt(1 - h.beta2**t) / (1 - h.beta1**t)
        stays = np.sqrt(h.beta2)
        r = stays * r + (1 - stays) * gamma * (g @ (s / (np.sqrt(v) + h.eps)))
        m = h.beta1 * m + (1 - h.beta1) * gamma * g
        v = h.beta2 * v + (1 - h.beta2) * g**2
        s = stays * s + (1 - stays) * gamma * g
        d = max(d, r / ((1 - stays) * np.abs(s).sum()))
        x = x - m / (np.sqrt(v) + h.eps) - gamma * h.weight_decay * x
    return x


def dog(x, gradients, at):
    start, r, G = x, at(0).reps_rel * (1 + np.linalg.norm(x)), 0
    for _, g, h in each(gradients, at):
        g = g + h.weight_decay * x
        r = max(r, np.linalg.norm(x - start))
        G = G + g @ g
        x = x - h.lr * r / np.sqrt(G + h.eps) * g
    return x


def dowg(x, gradients, at):
    start, r2, v = x, at(0).init_estim_sq_dist, 0
    for _, g, h in each(gradients, at):
        g = g + h.weight_decay * x
        r2 = max(r2, (x - start) @ (x - start))
        v = v + r2 * (g @ g)
        x = x - h.lr * r2 / (np.sqrt(v) + h.eps) * g
    return x


def polyak_sgd(x, gradients, at):
    for t, g, h in each(gradients, at):
        step = min((losses()[t - 1] - h.f_min) / (g @ g + h.eps), h.max_learning_rate)
        x = x - h.lr * step * g
    return x


def momo(x, gradients, at):
    m = mean = product = None
    bound = at(0).lower_bound
    for t, g, h in each(gradients, at):
        f, stays = losses()[t - 1], h.momentum if t > 1 else 0
        m = g if m is None else stays * m + (1 - stays) * g
        mean = f if mean is None else stays * mean + (1 - stays) * f
        product = g @ x if product is None else stays * product + (1 - stays) * (g @ x)
        shrink, square, inner = 1 + h.lr * h.weight_decay, m @ m, m @ x
        if h.adapt_lower_bound:
            cap = shrink * (mean - product) + inner
            if cap < shrink * bound:
                bound = max(cap / (2 * shrink), h.lower_bound)
        high = max(shrink * (mean - bound - product) + inner, 0)
        step = min(h.lr, high / square)
        if h.adapt_lower_bound:
            bound = max(mean + inner - product - step * square / 2, h.lower_bound)
        x = x / shrink - step * m
    return x


def lbfgs(x, gradients, at):
    pairs, before = [], None
    for t, g, h in each(gradients, at):
        if np.abs(g).max() <= h.tolerance_grad:
            continue
        lr = h.lr * (min(1, 1 / np.abs(g).sum()) if t == 1 else 1)
        if before is not None:
            s, y = before[1], g - before[0]
            if y @ s > 1e-10:
                pairs = [*pairs, (s, y)][-h.history_size :]
        d, shares = -g, []
        for s, y in reversed(pairs):
            shares.append(s @ d / (y @ s))
            d = d - shares[-1] * y
        if pairs:
            s, y = pairs[-1]
            d = d * (y @ s) / (y @ y)
        for (s, y), share in zip(pairs, reversed(shares), strict=True):
            d = d + (share - y @ d / (y @ s)) * s
        step = lr * d if g @ d <= -h.tolerance_change else 0 * d
        before = g, step
        x = x + step
    return x


def sophia(x, gradients, at):
    m = h_mean = 0
    for t, g, h in each(gradients, at):
        m = h.beta1 * m + (1 - h.beta1) * g
        u = np.sign(Stream(0, "optimizer").at(t).standard_normal(len(x)))
        ratio = m / (1 - h.beta1**t) / np.maximum(h.gamma * h_mean, h.eps)
        step = np.clip(ratio, -h.clip, h.clip) + h.weight_decay * x
        if (t - 1) % h.frequency == 0:
            product = u * (PROBLEMS["sequence"].hessian(x) @ u)
            h_mean = h.beta2 * h_mean + (1 - h.beta2) * product
        x = x - h.lr * step
    return x


def each_array(rule, matrices=False):
    """The rule for each array by itself; matrices: a kernel as one."""

    def apply(x, gradients, at):
        found = []
        shapes = PROBLEMS["sequence"].shapes
        for name, part in split(x, shapes).items():
            shape = (len(part), -1) if matrices and part.ndim > 2 else part.shape
            own = [split(g, shapes)[name].reshape(shape) for g in gradients]
            found.append(rule(part.reshape(shape), own, at).ravel())
        return np.concatenate(found)

    return apply


WHOLE = (
    *(sgd, momentum, nesterov, adagrad, adadelta, rmsprop, adam, adamw, amsgrad, adamax, nadam),
    *(nadamw, radam, adabelief, adan, lion, yogi, sign_sgd, signum, optimistic_adam, ademamix),
    *(adopt, qhadam, madgrad, grams, laprop, aggmo, asgd, rprop, ftrl, fista, cocob, noisy_sgd),
    *(random_search, random_local_search, schedule_free_sgd, schedule_free_adamw, prodigy),
    *(dadapt_adam, dog, dowg, polyak_sgd, momo, lbfgs, sophia),
)
ARRAYS = (cautious_adamw, mars, lamb, lars, novograd, fromage, sm3, adafactor, muon)
RULES = {
    **{rule.__name__: rule for rule in WHOLE},
    **{rule.__name__: each_array(rule) for rule in ARRAYS},
    **{rule.__name__: each_array(rule, matrices=True) for rule in (shampoo, soap)},
}
