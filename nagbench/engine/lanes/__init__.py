"""Counting many small cells at once, one run in each lane of vector registers.

One iteration of a problem and an algorithm is recorded from their kernels as their authors wrote them (`recording`, `symbols`,
`branches`, `functions`), written as vector instructions (`vector_code`), and run in lock-step by a compiled loop that handles
what happens in single lanes (`lockstep`). `run` decides where that is possible. The outcomes have the bits of `loop.count`.
"""
