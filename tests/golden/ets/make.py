"""Writes cases.json: forms as statsmodels fits them, and what it and statsforecast say there.

    python3 -m venv venv && venv/bin/pip install statsmodels==0.15.0 statsforecast==2.0.1 numpy==2.4.6 pandas==3.1.1 scipy==1.17.1
    OMP_NUM_THREADS=1 venv/bin/python make.py

Series: ../series. `forms`: per series and form, ETSModel with estimated initial states: its parameters, log-likelihood, means and, with
additive errors, exact sd. With multiplicative errors and an otherwise additive form the sd is statsforecast's formula at these
parameters, where that follows the book. With a multiplicative season likelihood and means at these parameters are statsforecast's:
ETSModel divides by the new level there, the book and R by the level before. `choices`: AutoETS of statsforecast: the form it chooses,
its parameters and AICc there.
"""

import json
import pathlib
import warnings

import numpy as np
import statsforecast
import statsmodels
from statsforecast.ets import _compute_sigmah, pegelsresid_C
from statsforecast.models import AutoETS
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

warnings.filterwarnings("ignore")
HERE = pathlib.Path(__file__).parent
AHEAD = 30

# Series, season, buckets used (0: all).
SERIES = [
    ("peer-days", 7, 273),
    ("uneven-days", 7, 0),
    ("small-days", 7, 0),
    ("growing-days", 7, 0),
    ("shifted-days", 7, 0),
    ("bursting-days", 7, 0),
    ("yearly-days", 7, 0),
    ("rare-days", 7, 0),
    ("no-season", 7, 0),
    ("sixty-days", 7, 0),
    ("ten-days-of-hours", 24, 0),
    ("quiet-hours", 24, 0),
    ("night-hours", 24, 0),
]
FORMS = {
    "peer-days": ["ANN", "AAN", "AAdN", "ANA", "AAA", "AAdA", "MNN", "MAN", "MAdN", "MNA", "MAA", "MAdA", "MNM", "MAM", "MAdM"],
    "uneven-days": ["AAA", "MNM"],
    "growing-days": ["AAdA", "MAM"],
    "shifted-days": ["ANA", "MAA"],
    "yearly-days": ["AAdA", "MAdM"],
    "small-days": ["ANA"],
    "no-season": ["ANN", "MNN"],
    "sixty-days": ["AAA", "MNM"],
    "quiet-hours": ["ANA"],
    "ten-days-of-hours": ["ANA"],
}
TREND = {"N": None, "A": "add", "Ad": "add"}
KIND = {"N": None, "A": "add", "M": "mul"}


def read(name, buckets):
    lines = (HERE.parent / "series" / f"{name}.csv").read_text().split()[1:]
    values = np.array([float(line.split(",")[1]) for line in lines])
    return values[:buckets] if buckets else values


def fitted(y, form, season):
    error, trend, kind = form[0], form[1:-1], form[-1]
    model = ETSModel(y, error=KIND[error], trend=TREND[trend], damped_trend=trend == "Ad", seasonal=KIND[kind],
                     seasonal_periods=season if kind != "N" else None, initialization_method="estimated")
    fit = model.fit(disp=False, maxiter=5000)
    params = dict(zip(model.param_names, map(float, fit.params)))
    states = []
    if kind != "N":
        # initial_seasonal.0 is the state one bucket before the first: the oldest comes first here.
        states = [params[f"initial_seasonal.{i}"] for i in reversed(range(season))]
    ours = [params[key] for key in ("smoothing_level", "smoothing_trend", "smoothing_seasonal", "damping_trend", "initial_level", "initial_trend") if key in params]
    mean = np.asarray(fit.forecast(AHEAD))
    variance = float(np.sum(np.asarray(fit.resid) ** 2) / len(y))
    log_likelihood, relative = float(fit.llf), None
    if kind == "M":
        log_likelihood, mean, variance = by_statsforecast(y, params, states, form, season)
    if error == "A":
        relative = np.sqrt(fit._relative_forecast_variance(np.arange(1, AHEAD + 1)))
    elif kind != "M":
        # The spread is not proportional to the residual sd: it stands at the variance that counts degrees of freedom.
        counted = variance * len(y) / (len(y) - len(ours) - max(len(states) - 1, 0))
        relative = np.sqrt(_compute_sigmah(mean, AHEAD, counted, carried(params, season, kind)) / counted)
    return {"form": form, "parameters": ours + states, "log_likelihood": log_likelihood, "variance": variance,
            "mean": mean.tolist(), "relative_sd": None if relative is None else relative.tolist()}


def by_statsforecast(y, params, states, form, season):
    error, trend, kind, damped = form[0], form[1], form[-1], "d" in form
    initial = np.array([params["initial_level"]] + ([params["initial_trend"]] if trend != "N" else []) + states[::-1])
    phi = params.get("damping_trend", 1.0)
    smoothing = [params["smoothing_level"], params.get("smoothing_trend", 0.0), params["smoothing_seasonal"], phi]
    _, residuals, passed, lik = pegelsresid_C(y, season, initial, error, trend, kind, damped, *smoothing, 3)
    # Not its forecasts: those of damped trends add the first power of phi twice.
    (level, slope), newest = (passed[-1][0], passed[-1][1] if trend != "N" else 0.0), passed[-1][-season:]
    mean = np.array([level + slope * sum(phi ** (i + 1) for i in range(h + 1)) for h in range(AHEAD)])
    mean *= [newest[season - 1 - h % season] for h in range(AHEAD)]
    n = len(y)
    return float(-0.5 * lik - 0.5 * n * (np.log(2 * np.pi / n) + 1)), mean, float(np.sum(residuals ** 2) / n)


def carried(params, season, kind):
    """c_j of the book, §6.3."""
    phi, steps = params.get("damping_trend", 1.0), np.arange(1, AHEAD + 1)
    reach = np.cumsum(phi ** steps)
    seasonal = params["smoothing_seasonal"] * (steps % season == 0) if kind != "N" else 0.0
    return params["smoothing_level"] + params.get("smoothing_trend", 0.0) * reach + seasonal


def chosen(y, season):
    model = AutoETS(season_length=season).fit(y).model_
    error, trend, kind, damped = model["components"]
    form = error + trend + ("d" if damped == "D" else "") + kind
    alpha, beta, gamma, phi, *states = map(float, model["par"])
    smoothing = [value for value in (alpha, beta, gamma, phi) if not np.isnan(value)]
    if damped != "D" and not np.isnan(phi):
        smoothing = smoothing[:-1]
    head = 1 + (trend != "N")
    return {"form": form, "parameters": smoothing + states[:head] + states[head:][::-1], "aicc": float(model["aicc"])}


def main():
    forms, choices = [], []
    for name, season, buckets in SERIES:
        y = read(name, buckets)
        for form in FORMS.get(name, []):
            forms.append({"series": name, "buckets": len(y), "season": season, **fitted(y, form, season)})
            print(name, form, forms[-1]["log_likelihood"])
        choices.append({"series": name, "buckets": len(y), "season": season, **chosen(y, season)})
        print(name, choices[-1]["form"], choices[-1]["aicc"])
    versions = {"statsmodels": statsmodels.__version__, "statsforecast": statsforecast.__version__, "numpy": np.__version__}
    lines = lambda rows: ",\n".join(json.dumps(row) for row in rows)
    text = f'{{"versions": {json.dumps(versions)},\n"forms": [\n{lines(forms)}\n],\n"choices": [\n{lines(choices)}\n]}}\n'
    (HERE / "cases.json").write_text(text)


main()
