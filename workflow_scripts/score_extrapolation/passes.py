"""What a step of a training costs beside a prediction: how images that are only predicted count as images trained on.

Measured by ``python tests/benchmarks/training_speed.py passes``; see there for the networks.
"""

# Forwards, backwards and the optimiser together, in forward passes.
PASSES_OF_A_STEP = 3
