"""The evaluation's tables of a made-up experiment, as the paper's tables and figures read them: the truth is known."""

import numpy as np
import pandas as pd

from pruning_workflow.evaluation.retraining import TIMED

RATES = (0.1, 0.2, 0.5, 0.8, 0.9, 0.95)
EXTRAPOLATORS = ("knn-20", "gnn-10", "held_out-10-step_up")
KS = ("knn-10", "knn-20", "knn-50", "gnn-10", "gnn-20", "held_out-10-step_up", "knn-10-same_label")
FULL_TIME = 1000.0  # of one training on everything
# How far an extrapolation agrees with the truth, and what a stage adds to the time.
QUALITY = {"knn": 0.35, "gnn": 0.42, "held_out": 0.5}
COST = {
    "knn": {"neighbors": 20},
    "gnn": {"neighbors": 30, "extrapolation": 220},
    "held_out": {"predictions": 40, "nested": 60},
}
SHIFT = {"random": 0.0, "stratified": 0.004, "zcoreset": -0.02}


def make_tables(scores=("du", "tdds"), fractions=("40", "20"), seeds=3, rates=RATES, methods=("top",), steps=False):
    """Return all tables by their names, with all that an experiment can have."""
    random = np.random.default_rng(0)
    parts = dict(scores=scores, fractions=fractions, seeds=range(seeds), random=random)
    return {
        "experiment": pd.DataFrame(
            [{"name": "made_up", "dataset": "CIFAR-10", "model": "resnet18", "epochs": 50, "unsupervised": "tdds"}]
        ).assign(n=50_000, n_classes=10),
        "retraining": make_retraining(rates=rates, methods=methods, steps=steps, **parts),
        "agreement": make_agreement(**parts),
        "estimates": make_estimates(**parts),
        "coverage": make_coverage(fractions, range(seeds), random),
        "neighborhoods": make_neighborhoods(scores, range(seeds), random),
    }


def quality_of(score, extrapolator, fraction, sampler="random"):
    name, *rest = extrapolator.split("-")
    k = int(rest[0]) if rest else 10
    worse = 0.02 * abs(np.log(k / (20 if name == "knn" else 10)))
    return QUALITY[name] * (float(fraction) / 40) ** 0.35 * (0.9 if score == "tdds" else 1) - worse + SHIFT[sampler]


def make_retraining(scores, fractions, seeds, random, rates, methods, steps):
    arms = [("random", "random", None, None, None, None, 0.0, {})]
    arms.append(("rs2", "rs2", None, None, None, None, 0.15, {}))
    arms += [
        (f"top/{name}/pretrained/fraction-0", "top", name, "pretrained", "0", None, gain, {"training_free": seconds})
        for name, gain, seconds in (("ssp", -0.1, 30), ("zcoreset", -0.05, 700))
    ]
    for method in methods:
        for score in scores:
            full = {"training": FULL_TIME, "scores": 3}
            arms.append(
                (f"{method}/{score}/computed/fraction-100", method, score, "computed", "100", "random", 1.0, full)
            )
            for fraction in fractions:
                for extrapolator in EXTRAPOLATORS:
                    quality = quality_of(score, extrapolator, fraction)
                    share = float(fraction) / 100
                    seconds = {"training": share * FULL_TIME, "embeddings": 15, **COST[extrapolator.split("-")[0]]}
                    arm = f"{method}/{score}/{extrapolator}/fraction-{fraction}"
                    arms.append((arm, method, score, extrapolator, fraction, "random", quality, seconds))
                    if extrapolator == "knn-20" and fraction == fractions[-1] and method == "top":
                        arms.append(
                            (f"{arm}-stratified", method, score, extrapolator, fraction, "stratified", quality, seconds)
                        )
    rows = []
    for seed in seeds:
        luck = random.normal(0, 0.002)
        for arm, method, score, extrapolator, fraction, sampler, quality, seconds in arms:
            for budget in ("epochs", "steps") if steps else ("epochs",):
                for rate in (0.0, *rates) if arm == "random" and budget == "epochs" else rates:
                    base = 0.93 - (0.11 if budget == "epochs" else 0.06) * (rate / (1.05 - rate)) ** 0.5 * 0.6
                    # Scores help where half is pruned and harm where little is left, DU more than TDDS.
                    gain = 0.03 * rate * (1.25 - 1.7 * rate) * (1 if score != "tdds" else 1.6) * (rate > 0)
                    accuracy = base + quality * gain + luck + random.normal(0, 0.0015)
                    kept = 1 - rate if budget == "epochs" else 1.0
                    times = {f"{stage}_s": seconds.get(stage, 0.0) * random.uniform(0.97, 1.03) for stage in TIMED}
                    times |= {
                        "samples_s": 12.0,
                        "selection_s": 0.5,
                        "retraining_s": FULL_TIME * kept * random.uniform(0.98, 1.02),
                    }
                    training = seconds.get("training", 0.0) / FULL_TIME
                    work = {"training_work": training, "retraining_work": kept}
                    work["work"] = training + kept + ("embeddings" in seconds) / 150
                    run = {"arm": arm, "method": method, "score": score, "extrapolator": extrapolator}
                    run |= {"fraction": fraction, "sampler": sampler, "budget": budget, "seed": seed, "rate": rate}
                    run |= {"n_kept": round(50_000 * (1 - rate)), "test_accuracy": accuracy}
                    run |= {"robust_images": 1000, "robust_attack": "AutoAttack, linf 8/255"}
                    run |= {"robust_clean_accuracy": accuracy, "robust_pgd_accuracy": 0.63 * accuracy}
                    run |= {"robust_autoattack_accuracy": 0.6 * accuracy}
                    # `training_free` is not yet among the stages that are timed.
                    total = sum(times.values()) + seconds.get("training_free", 0.0)
                    times |= {"training_free_s": seconds.get("training_free", 0.0), "total_s": total}
                    rows.append({**run, **times, **work})
    return pd.DataFrame(rows)


def runs_of(scores, fractions, seeds):
    for score in scores:
        for fraction in fractions:
            for extrapolator in KS:
                for sampler in ("random", "stratified", "zcoreset") if fraction == fractions[-1] else ("random",):
                    for seed in seeds:
                        yield score, extrapolator, fraction, sampler, seed


def make_agreement(scores, fractions, seeds, random):
    rows = []
    for score, extrapolator, fraction, sampler, seed in runs_of(scores, fractions, seeds):
        quality = quality_of(score, extrapolator, fraction, sampler)
        for part, more in (("residual", 0.0), ("subset", 0.2), ("all", 0.1)):
            run = {"score": score, "extrapolator": extrapolator, "fraction": fraction, "sampler": sampler, "seed": seed}
            pearson, spearman = (
                quality + more + random.normal(0, 0.004),
                quality + more + 0.02 + random.normal(0, 0.004),
            )
            rows.append({**run, "part": part, "n": 40_000, "pearson": pearson, "spearman": spearman})
    return pd.DataFrame(rows)


def make_estimates(scores, fractions, seeds, random):
    rows = []
    for score, extrapolator, fraction, sampler, seed in runs_of(scores, fractions, seeds):
        quality = quality_of(score, extrapolator, fraction, sampler)
        for estimate, more in (("cross_validation", 0.2), ("nested", -0.03)):
            run = {"score": score, "extrapolator": extrapolator, "fraction": fraction, "sampler": sampler, "seed": seed}
            value = quality + more + random.normal(0, 0.01)
            rows.append({**run, "estimate": estimate, "n": 9000, "pearson": value, "spearman": value + 0.01})
    return pd.DataFrame(rows)


def make_coverage(fractions, seeds, random):
    return pd.DataFrame(
        {
            "fraction": fraction,
            "sampler": sampler,
            "embedding": embedding,
            "seed": seed,
            "n_subset": round(500 * float(fraction)),
        }
        | {"n_residual": 50_000 - round(500 * float(fraction)), "width": 512}
        | {"frechet_distance": distance * 20 / float(fraction) * random.uniform(0.97, 1.03)}
        for embedding in ("pretrained", "subset")
        for fraction in fractions
        for sampler, distance in (("random", 2.11), ("stratified", 2.05), ("zcoreset", 2.42))
        for seed in seeds
    )


def make_neighborhoods(scores, seeds, random):
    metrics = ("n_same_label", "n_other_label", "mean_distance_same", "mean_distance_other", "min_distance_same")
    return pd.DataFrame(
        {"score": score, "seed": seed, "k": 20, "metric": metric, "n": 50_000 - 7 * i}
        | {"pearson": value + random.normal(0, 0.01), "spearman": value + random.normal(0, 0.01)}
        for score in scores
        for seed in seeds
        for i, (metric, value) in enumerate(
            zip((*metrics, "min_distance_other"), (-0.3, 0.3, -0.31, 0.29, -0.23, 0.26), strict=True)
        )
    )


def make_scores(n=3000):
    """Return what figure 5 is made of: two humps in truth, one in what is extrapolated."""
    random = np.random.default_rng(1)
    hard = random.random(n) < 0.4
    truth = np.where(hard, random.normal(0.12, 0.015, n), random.normal(0.05, 0.015, n)).clip(0)
    score = 0.03 + 0.4 * truth + 0.02 + random.normal(0, 0.015, n)
    labels = np.array(["airplane", "bird", "golden retriever"])[random.integers(0, 3, n)]
    return pd.DataFrame({"sample_id": random.permutation(10 * n)[:n], "label": labels, "score": score, "truth": truth})
