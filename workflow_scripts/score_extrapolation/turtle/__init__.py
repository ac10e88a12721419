"""Training without labels: TURTLE (Gadetsky et al., ICML 2024) on frozen embeddings.

`runs.train_unsupervised` is the whole of it. An `encoder.TaskEncoder` gives each sample probabilities of classes; a
step (`steps`) fits fresh linear classifiers to them (`heads`) and moves the encoder towards what these agree with.
`features` reads the embeddings, `trainer` is the loop, and `history` tells at the end how each sample's pseudo-label
came about.
"""
