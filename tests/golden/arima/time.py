"""CPU seconds of statsmodels for the work of benches/arima.rs, in process, one thread: median of nine after one warm-up.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 venv/bin/python time.py COUNTS.csv [season]
"""

import csv
import statistics
import sys
import time
import warnings

import numpy as np
from statsmodels.tsa.statespace.sarimax import SARIMAX

warnings.filterwarnings("ignore")
y = np.array([float(row["count"]) for row in csv.DictReader(open(sys.argv[1]))])
season = int(sys.argv[2]) if len(sys.argv) > 2 else 7
for simple in (True, False):
    seconds = []
    for _ in range(10):
        start = time.process_time()
        model = SARIMAX(y, order=(1, 0, 1), seasonal_order=(1, 1, 1, season), simple_differencing=simple)
        fit = model.fit(disp=False)
        fit.get_forecast(92).conf_int(alpha=0.01)
        seconds.append(time.process_time() - start)
    print(f"simple_differencing={simple}: {statistics.median(seconds[1:]) * 1e3:.1f} ms, llf {fit.llf:.4f}")
