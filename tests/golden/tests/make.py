"""Writes two_samples.json: Welch's t and Mann-Whitney U by scipy.stats, on samples with and without ties.

Run with Python 3.11, scipy 1.17.1:  python make.py > two_samples.json
"""

import json
import sys

import numpy as np
import scipy
from scipy import stats

rng = np.random.default_rng(20240923)


def case(a, b):
    welch = stats.ttest_ind(a, b, equal_var=False)
    ranks = stats.mannwhitneyu(a, b, method="asymptotic", use_continuity=True, alternative="two-sided")
    return {
        "a": [float(x) for x in a],
        "b": [float(x) for x in b],
        "t": float(welch.statistic),
        "t_p": float(welch.pvalue),
        "u": float(ranks.statistic),
        "u_p": float(ranks.pvalue),
    }


cases = [
    case(rng.normal(0, 1, 9), rng.normal(0.5, 2, 14)),
    case(rng.normal(100, 10, 30), rng.normal(101, 10, 30)),
    case(rng.poisson(4, 12), rng.poisson(6, 7)),
    case(rng.poisson(2, 40), rng.poisson(2, 25)),
    case([1.0, 2.0], [3.0, 4.5]),
    case([1.0, 2.0, 3.0], [2.0, 2.0, 2.0, 2.0]),
    case(rng.normal(0, 1, 60), rng.normal(3, 1, 60)),
    case([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]),
]
json.dump({"scipy": scipy.__version__, "numpy": np.__version__, "cases": cases}, sys.stdout, indent=1)
