"""Tables as users have them: mixed columns, gaps, dates, money, zip codes, identifiers."""

from __future__ import annotations

import numpy as np


def _written(path, header, rows, delimiter=","):
    lines = [delimiter.join(row) for row in [header, *rows]]
    path.write_text("\n".join(lines) + "\n")
    return path


def churn(path, rows=400):
    """Customers who left or stayed."""
    rng = np.random.default_rng(0)
    fees = {"basic": 9.9, "plus": 19.9, "pro": 49.9}
    found = []
    for i in range(rows):
        plan, days = str(rng.choice(list(fees), p=[0.5, 0.3, 0.2])), int(rng.integers(0, 1500))
        calls, spent = rng.poisson(2), fees[plan] * days / 30 * rng.uniform(0.9, 1.1)
        odds = 1.2 * (calls - 2) - 0.0015 * days + {"basic": 1.4, "plus": 0.6, "pro": -0.3}[plan]
        born = f"{rng.integers(1, 29):02d}.{rng.integers(1, 13):02d}.{rng.integers(1950, 2004)}"
        cells = [f"C{100_000 + 7 * i}", str(np.datetime64("2020-01-01") + days), born, plan]
        cells += [f"$ {fees[plan]:.2f}", f'"$ {spent:,.2f}"']
        cells += [str(rng.choice(["02134", "94105", "10001", "60601", "73301"])), str(calls)]
        cells += ["" if rng.random() < 0.1 else f"{rng.lognormal(10.5, 0.5):.0f}"]
        cells += [str(rng.choice(["yes", "no"])), f"call {i} back" if rng.random() < 0.7 else ""]
        found.append([*cells, "yes" if rng.random() < 1 / (1 + np.exp(-odds)) else "no"])
    header = "customer,signed_up,born,plan,monthly,spent,zip,calls,income,newsletter,note,churned"
    return _written(path, header.split(","), found)


def houses(path, rows=400):
    """House prices as they are written in Germany."""
    rng = np.random.default_rng(1)
    places = rng.normal(0, 25_000, 12)
    worth = {"poor": -40_000, "fair": 0, "good": 20_000, "new": 60_000}
    start = np.datetime64("2015-01-01")
    found = []
    for i in range(rows):
        area, built, days = rng.gamma(6, 20) + 30, int(rng.integers(1900, 2021)), rng.integers(3000)
        place, garden = rng.integers(12), rng.random() < 0.4
        state = str(rng.choice(list(worth), p=[0.1, 0.4, 0.4, 0.1]))
        price = 1500 * area + 300 * (built - 1900) + 40_000 * garden + places[place]
        price = (price + worth[state] + 15 * days) * np.exp(rng.normal(0, 0.08))
        euros = f"{price:,.2f}".translate(str.maketrans(",.", ".,"))
        year, month, day = str(start + days).split("-")
        cells = [str(i + 1), f"{area:.1f} m²".replace(".", ","), str(max(1, round(area / 25)))]
        cells += ["" if rng.random() < 0.08 else str(built), f"{day}.{month}.{year}"]
        cells += [str(80_331 + 2 * place), "ja" if garden else "nein", state]
        found.append([*cells, str(rng.choice(["gas", "oil", "wood"])), f"{euros} €"])
    header = "id;area;rooms;built;sold;zip;garden;condition;heating;price"
    return _written(path, header.split(";"), found, ";")


def films(path, rows=300):
    """Films and the kinds that they are of."""
    rng = np.random.default_rng(2)
    found = []
    for i in range(rows):
        year, minutes, rating = int(rng.integers(1970, 2021)), rng.normal(105, 20), rng.normal(6, 1)
        odds = np.array([(year - 2000) / 10 + (minutes - 105) / 20, (100 - minutes) / 12, rating])
        kinds = rng.random(3) < 1 / (1 + np.exp(-odds + [0, 0, 6]))
        cells = [f"Film {i}", str(year), f"{minutes:.0f} min"]
        cells += [
            "" if rng.random() < 0.05 else f"{rating:.1f}",
            str(rng.choice(["US", "UK", "IN"])),
        ]
        found.append([*cells, *("yes" if kind else "no" for kind in kinds)])
    return _written(
        path, ["film", "year", "length", "rating", "country", "action", "comedy", "drama"], found
    )
