"""What a step of a training costs beside a prediction: how images that are only predicted count as images trained on.

In operations a step is three forward passes: backwards takes twice what forwards does. In seconds of two busy cores
(``python tests/benchmarks/training_speed.py passes``, 512 images of 32x32x3, batches of 256, median and range of three)
a prediction took of a training

=======================  ====================
convnet                  0.41 (0.38 to 0.42)
resnet9, 32 wide         0.31 (0.29 to 0.35)
WRN-10-2, SiLU           0.15 (0.10 to 0.17)
ResNet-18, CIFAR's stem  0.13 (0.12 to 0.17)
=======================  ====================

so that a third is near it for small networks, and more than large ones take.
"""

# Forwards, backwards and the optimiser together, in forward passes.
PASSES_OF_A_STEP = 3
