"""Benchmarks, run side by side on one machine: `python -m bench [NAME...] [--seconds N]`.

An absolute figure says more about the machine than about the code. So every bench measures the
server and what it is held against in the same run, in turns, and what counts are the ratios.
"""
