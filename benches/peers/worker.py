"""The Python side of the comparison: reads one request per line, does one repetition of the work, says how much CPU time it took.

    {"prepare": "arima", "season": 7, "start": "2023-01-01", "step": "1d", "values": [...], "ahead": [...]}   ->  {"ready": true}
    {"run": "default"}                                            ->  {"seconds": 0.1, "child_seconds": 0.0, "mean": [...]}

`values` is the history and `ahead` what comes after it, which only one-step forecasts may look at. Imports and the making of arrays and
data frames are outside the time. `child_seconds` is the time of processes that the package started and waited for (CmdStan).
"""

import contextlib
import json
import logging
import os
import resource
import statistics
import sys
import time
import warnings

import numpy as np

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
LEVEL = 0.99
TREES = {"objective": "regression", "learning_rate": 0.05, "deterministic": True, "num_threads": 1, "verbosity": -1}


def train(x, y, variant):
    import lightgbm

    params = TREES | {"force_row_wise" if variant == "row-wise" else "force_col_wise": True}
    return lightgbm.train(params, lightgbm.Dataset(x, y, params=params), num_boost_round=1000)


class Trees:
    """LightGBM on a table that is given: training and the predictions of its rows."""

    def __init__(self, case):
        self.y = np.array(case["targets"])
        self.x = np.array(case["values"]).reshape(len(self.y), -1)

    def run(self, variant):
        return train(self.x, self.y, variant).predict(self.x)


class Lgbm:
    """The whole forecaster: features, five expanding-window folds, the fit, and forecasts one step ahead with the values that came."""

    def __init__(self, case):
        import pandas as pd

        self.season, self.n = case["season"], len(case["values"])
        self.y = np.array(case["values"] + case["ahead"])
        self.stamps = pd.date_range(case["start"], periods=len(self.y), freq="D")

    def features(self):
        """All rows at once, in the order of sums of src/forecast/features.rs."""
        s, y, days = self.season, self.y, self.stamps[2 * self.season :]
        window = np.lib.stride_tricks.sliding_window_view(y, s)[s:-1]
        total, shift = np.zeros(len(window)), np.zeros(len(window))
        for k in range(s):
            total += window[:, k]
            shift += window[:, k] - window[:, 0]
        shift /= s
        squares = np.zeros(len(window))
        for k in range(s):
            squares += (window[:, k] - window[:, 0] - shift) ** 2
        return np.column_stack([
            days.dayofweek, days.dayofweek >= 5, days.month, days.day, days.dayofyear,
            y[2 * s - 1 : -1], y[s:-s], y[: -2 * s], total / s, np.sqrt(squares / (s - 1)),
        ]).astype(float)

    def run(self, variant):
        table, rows = self.features(), self.n - 2 * self.season
        x, y = table[:rows], self.y[2 * self.season : self.n]
        start = rows // 2
        size = (rows - start) // 5
        errors = []
        for fold in range(5):
            begin, end = start + fold * size, rows if fold == 4 else start + (fold + 1) * size
            errors.append(y[begin:end] - train(x[:begin], y[:begin], variant).predict(x[begin:end]))
        mean = train(x, y, variant).predict(table[rows:])
        half = statistics.NormalDist().inv_cdf((1 + LEVEL) / 2) * np.concatenate(errors).std()
        self.bounds = mean - half, mean + half
        return mean


class Prophet:
    """Prophet with its defaults: fit, forecast, 0.99 intervals of 1000 draws."""

    def __init__(self, case):
        import pandas as pd

        stamps = pd.date_range(case["start"], periods=len(case["values"]) + len(case["ahead"]), freq="D")
        self.past = pd.DataFrame({"ds": stamps[: len(case["values"])], "y": case["values"]})
        self.future = pd.DataFrame({"ds": stamps[len(case["values"]) :]})

    def run(self, _):
        import prophet

        np.random.seed(1)
        model = prophet.Prophet(interval_width=LEVEL)
        model.fit(self.past, seed=1)
        return model.predict(self.future)["yhat"].to_numpy()


class Arima:
    """statsmodels' SARIMAX(1,0,1)(1,1,1,s): fit, forecast, 0.99 bounds."""

    def __init__(self, case):
        self.y, self.ahead, self.season = np.array(case["values"]), len(case["ahead"]), case["season"]

    def run(self, variant):
        from statsmodels.tsa.statespace.sarimax import SARIMAX

        simple = variant == "simple_differencing"
        fit = SARIMAX(self.y, order=(1, 0, 1), seasonal_order=(1, 1, 1, self.season), simple_differencing=simple).fit(disp=False)
        forecast = fit.get_forecast(self.ahead)
        self.bounds = forecast.conf_int(alpha=1 - LEVEL)
        mean = np.asarray(forecast.predicted_mean)
        if not simple:
            return mean
        # These are forecasts of differences; back to the series.
        values = list(self.y)
        for difference in mean:
            values.append(values[-self.season] + difference)
        return np.array(values[len(self.y) :])


class StatsForecast:
    """A model of statsforecast: fit, forecast, 0.99 intervals."""

    def __init__(self, case):
        from statsforecast import models

        self.y, self.ahead, self.season = np.array(case["values"]), len(case["ahead"]), case["season"]
        self.model = {"ets": models.AutoETS, "auto-arima": models.AutoARIMA, "mstl": models.MSTL}[case["prepare"]]

    def run(self, _):
        return self.model(season_length=self.season).fit(self.y).predict(h=self.ahead, level=[int(LEVEL * 100)])["mean"]


KINDS = {"trees": Trees, "lgbm": Lgbm, "prophet": Prophet, "arima": Arima, "ets": StatsForecast, "auto-arima": StatsForecast, "mstl": StatsForecast}


def children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main():
    # Packages print; the pipe is for answers alone.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    work = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "prepare" in request:
                work = KINDS[request["prepare"]](request)
                answer = {"ready": True}
            else:
                before, start = children(), time.process_time()
                with contextlib.redirect_stdout(sys.stderr):
                    mean = work.run(request["run"])
                seconds = time.process_time() - start
                answer = {"seconds": seconds, "child_seconds": children() - before, "mean": [float(value) for value in mean]}
        except Exception as error:  # Whatever the package says is told, and the next case goes on.
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
