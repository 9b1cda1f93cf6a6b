"""Side-by-side measurements against peers: `python -m bench`.

Each comparison does one job in two or more ways, in one process and on one thread, in turns; its figure is the ratio of medians
of CPU time, for wall time on a shared machine says little. Before timing, the ways are shown to agree.
"""
