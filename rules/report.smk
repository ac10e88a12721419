def study_files():
    return expand(
        out("retraining/{arm}/seed-{seed}/rate-{rate}/metrics.json"),
        arm=SCORED_ARMS + TRUE_ARMS + UNSCORED_ARMS,
        seed=EXPERIMENT.seeds,
        rate=RATES,
    )
