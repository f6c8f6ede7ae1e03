"""Writes cases.json: Poisson regressions by statsmodels on series of ../series, their forecasts and spreads.

    python3 -m venv venv && venv/bin/pip install statsmodels==0.15.0 numpy==2.4.6 pandas==3.1.1 scipy==1.17.1 holidays==0.109
    venv/bin/python make.py

The columns are those of src/forecast/poisson_glm.rs without its ridge, which the unit prior of a hundredth of a ticket makes.
"""

import json
import pathlib
import sys

import numpy as np
import scipy
import statsmodels
import statsmodels.api as sm
from scipy.optimize import brentq

HERE = pathlib.Path(__file__).parent
AHEAD = 28
sys.path.insert(0, str(HERE.parent / "series"))
from series import read  # noqa: E402


def columns(times, train, hourly):
    t = np.arange(len(times))
    parts = [np.ones(len(t)), t / train - 0.5]
    phase = np.array([time.hour for time in times]) if hourly else t % 7
    parts += [phase == k for k in range(1, 24 if hourly else 7)]
    if hourly:
        weekday = np.array([time.weekday() for time in times])
        parts += [weekday == k for k in range(1, 7)]
    return np.column_stack(parts).astype(float)


def case(name, hourly=False):
    times, values = read(name)
    y = np.array([np.nan if value is None else value for value in values])
    train = len(y) - AHEAD
    x = columns(times, train, hourly)
    seen = ~np.isnan(y[:train])
    fit = sm.GLM(y[:train][seen], x[:train][seen], family=sm.families.Poisson()).fit(tol=1e-12, maxiter=200)
    mean, freedom = fit.fittedvalues, seen.sum() - x.shape[1]
    chi2 = lambda a: ((y[:train][seen] - mean) ** 2 / (mean + a * mean**2)).sum() - freedom
    dispersion = brentq(chi2, 0, 100, xtol=1e-15) if chi2(0) > 0 else 0.0
    weights = mean / (1 + dispersion * mean)
    covariance = np.linalg.inv(x[:train][seen].T @ (weights[:, None] * x[:train][seen]))
    ahead = x[train:]
    return {
        "name": name, "hourly": hourly, "train": train,
        "mean": np.exp(ahead @ fit.params).tolist(),
        "dispersion": (dispersion + np.einsum("ij,jk,ik->i", ahead, covariance, ahead)).tolist(),
    }


versions = {"statsmodels": statsmodels.__version__, "numpy": np.__version__, "scipy": scipy.__version__}
cases = [case("uneven-days"), case("outage-days"), case("shifted-days"), case("small-days"), case("quiet-hours", True), case("outage-hours", True)]
text = ",\n".join(json.dumps(case) for case in cases)
(HERE / "cases.json").write_text('{"versions": ' + json.dumps(versions) + ', "cases": [\n' + text + "\n]}\n")
