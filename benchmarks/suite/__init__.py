"""The defaults of every task on many data sets, sizes and seeds, beside each task's own baseline.

python -m benchmarks.suite --help
"""
