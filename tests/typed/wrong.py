"""Mistakes: mypy --strict and pyright refuse each line that says so."""

import optcli

optcli.trian("configs/iris.yaml")  # wrong
optcli.train()  # wrong
optcli.train("configs/iris.yaml", overwrite="yes")  # wrong
optcli.train("configs/iris.yaml", epochs=3)  # wrong
optcli.train(3)  # wrong
run = optcli.load("runs/moons")
run.losses  # wrong  # noqa: B018
run.history["train_loss"].append(0.0)  # wrong
optcli.compare("adam", settings={"seeds": 3})  # wrong
optcli.ComparisonSettings(seed=3)  # wrong
name: str = optcli.trace("rosenbrock", ["adam"])  # wrong
optcli.InvalidInput("no").exit  # wrong  # noqa: B018
from optcli import nothing  # wrong  # noqa: E402, F401
