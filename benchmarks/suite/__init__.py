"""What asv tracks: speed, and convergence counted exactly. The code under test is any commit; these files are today's.

So what a commit does not have yet is left out (nan) instead of failing, parameters are what today's checkout registers
(`names`), not asked of the commit, and every version is set by hand: asv would drop a benchmark's history at any edit of
its text.
"""
