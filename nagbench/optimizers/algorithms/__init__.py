"""The algorithms of nagbench: one function each, the update of one iteration.

Every module here is imported by itself, and `nagbench.method` registers the functions. The parameters of an update are
those of `docs/how-to/adding.md`: the iteration k from 0, the gradient, the iterate x, the point at which the gradient was
taken, the state (one row a vector), and the hyperparameters in the order of their declaration. Their
*other parameters* are the hyperparameters.

In the formulas s is the step size, m the momentum, L the smoothness constant, μ the constant of strong convexity, and κ
= L/μ.
"""
