"""Work of any length cut into blocks that depend on the input alone, whoever makes them.

A block (`part`) is made by a pure function and written whole or not at all (`folder`), under a name that changes with the
settings and with the block's own input (`stamps`). So any number of processes (`pool`), machines and runs that were killed
(`make`) end in the same bytes. `lines` cuts files of lines, `summary` sums up what the blocks told, and `threads` keeps
what networks find from depending on a machine's cores.
"""
