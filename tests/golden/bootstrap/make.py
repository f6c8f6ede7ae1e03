"""Writes bca.json: BCa intervals by scipy.stats.bootstrap, with the very resamples they were computed from.

Run with Python 3.11, numpy 2.4.6, scipy 1.17.1:  python make.py > bca.json
"""

import json
import sys

import numpy as np
import scipy
from scipy import stats

rng = np.random.default_rng(20240917)


def mean(x, axis):
    return np.mean(x, axis=axis)


def ratio(x, y, axis):
    return np.sum(x, axis=axis) / np.sum(y, axis=axis)


def pooled(x, y, axis):
    return (np.sum(x, axis=axis) + np.sum(y, axis=axis)) / (x.shape[axis] + y.shape[axis])


def case(name, data, statistic, paired, level):
    result = stats.bootstrap(
        data, statistic, n_resamples=600, method="BCa", confidence_level=level, paired=paired, axis=-1, rng=rng
    )
    return {
        "name": name,
        "samples": [list(map(float, sample)) for sample in data],
        "level": level,
        "replicates": [float(value) for value in result.bootstrap_distribution],
        "lower": float(result.confidence_interval.low),
        "upper": float(result.confidence_interval.high),
    }


positives = rng.poisson(4, 25) + 1.0
cases = [
    case("mean", (np.round(rng.lognormal(0, 1, 30), 6),), mean, False, 0.95),
    case("ratio", (np.floor(positives * rng.beta(8, 1.5, 25)), positives), ratio, True, 0.9),
    case("pooled", (np.round(rng.exponential(2, 22), 6), np.round(rng.normal(1, 0.5, 9), 6)), pooled, False, 0.95),
]
json.dump({"python": "3.11", "numpy": np.__version__, "scipy": scipy.__version__, "cases": cases}, fp=sys.stdout)
print()
