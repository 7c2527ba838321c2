"""The one table of names: by the column of a result table, what each of its values is called in print.

Attributes, configurations and datasets are not here (see ``shown``). A value that is a word of its own needs no entry.
"""

from collections.abc import Mapping

# Controls of the oracle, in the order in which figures show them.
CONTROLS = {
    "oracle": "experts, true labels",
    "permuted-trained": "experts trained on permuted labels",
    "permuted-people": "experts told another person's labels",
    "permuted-images": "experts told another image's labels",
    "distractors-lent": "experts, distractors labelled too",
    "predicted": "experts, predicted labels",
    "labels": "labels alone, no image",
    "fusion": "no experts, labels added (weight of training people)",
    "fusion-crossfit": "no experts, labels added (weight cross-fitted)",
    "fusion-best": "no experts, labels added (best weight)",
    "oracle-fusion-crossfit": "experts, labels added (weight cross-fitted)",
    "alike-oracle": "experts, among look-alikes",
}
_EVERY_CONTROL = CONTROLS | {
    "baseline": "baseline, no experts",
    "alike-baseline": "baseline, among look-alikes",
    "noise-query": "wrong labels in queries",
    "noise-gallery": "wrong labels in the gallery",
    "noise-both": "wrong labels in both",
}
_METHODS = {
    "ablation": "experts switched off in one model",
    "retrain": "a model trained per configuration (the paper's way)",
    "leakage": "labels alone, no image",
    "truth": "bits that images hide (known truth)",
}
_BACKBONES = {
    "tiny": "the sweep's encoder",
    "eva": "rotary positions, gated networks",
    "alone": "no text tower, not pretrained",
}
_IMPORTANCES = {
    "glm": "GLM coefficient",
    "welch": "Welch's t",
    "cohens_d": "Cohen's d",
    "fimp": "forest, impurity (FIMP)",
    "pimp": "forest, permutation (PIMP)",
    "shap": "mean absolute SHAP value",
    "mixed_effects": "mixed effects",
    "glm_log": "GLM, log of the shortfall",
    "alone": "alone, over the baseline",
    **_METHODS,
}
# Columns of tables that a notebook shows as they are.
COLUMNS = {
    "configuration": "Configuration",
    "attribute": "Attribute",
    "term": "Term",
    "mAP": "mAP (%)",
    "rank1": "Rank-1 (%)",
    "rank5": "Rank-5 (%)",
    "rank10": "Rank-10 (%)",
    "mINP": "mINP (%)",
    "mAP_sd": "SD of mAP over seeds",
    "rank1_sd": "SD of Rank-1 over seeds",
    "seeds": "Seeds",
    "coef": "Coefficient (points)",
    "std_err": "Std. error",
    "z": "z",
    "p_value": "p",
    "ci_low": "95 % low",
    "ci_high": "95 % high",
    "t_stat": "Welch's t",
    "cohens_d": "Cohen's d",
    "n_included": "Rows with",
    "n_excluded": "Rows without",
    "cost": "Cost",
    "value": "Value",
    "part": "Part",
    "trained": "Trained",
    "frozen": "Frozen",
    "parameters": "Parameters",
}
# Stages of training, and the terms of a loss.
STAGES = {
    "pretrain": "pretraining",
    "prompts": "prompt learning",
    "baseline": "the baseline",
    "experts": "the experts",
}
LOSSES = {
    "loss": "weighted sum",
    "id": "identity",
    "triplet": "triplet",
    "i2t": "image to text",
    "t2i": "text to image",
}
METRICS = {"mAP": "mAP", "rank1": "Rank-1"}
# The steps of the search for Table 3's marks.
STEPS = {
    "every_design": "all designs",
    "welch": "Welch tests (Table 5)",
    "normal_mAP": "mAP sums (Table 4)",
    "normal_rank1": "Rank-1 sums (Table 7)",
    "glm_digits": "all digits of both GLMs",
    "forest": "forest (Table 5)",
    "table3": "equal to the package's Table 3",
}
# Kinds of intervals, in the order of the study of their coverage.
ANALYSES = {
    "mixed-effects": "effect of an attribute (mixed effects)",
    "contrasts": "difference between kinds (mixed effects)",
    "bootstrap-pointwise": "gain over the baseline, one by one",
    "bootstrap-simultaneous": "gains over the baseline, all at once",
    "paper-glm": "effect, the paper's GLM, one seed",
    "control-score": "score of a control",
    "control-difference": "difference of a control to the baseline",
    "given-labels": "what experts add where labels are added",
    "variants": "a variant of the experts less the default",
    "rows-independent": "effect, every run and query independent",
    "paper-glm-t": "effect, GLM of one seed, by Student's t",
    "glm-of-means": "effect, GLM of the seeds' mean",
    "glm-intercept": "intercept, GLM of one seed",
    "prediction": "prediction of one more run, same seed",
    "prediction-other-seed": "prediction of one more run, another seed",
    "shapley-attributes": "Shapley value of an attribute, switched off",
    "shapley-contrasts": "difference of Shapley values",
    "shapley-clusters": "Shapley value of a cluster",
    "labels-alone": "Shapley value of labels alone",
    "rank-correlation": "rank correlation over attributes",
    "rank-correlation-noisy": "rank correlation, values with error",
}

TERMS: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(
        ("control", "split", "minuend", "subtrahend"),
        _EVERY_CONTROL | {"all": "training and test", "look-alikes": "look-alikes"},
    ),
    "part": {
        "whole": "whole gain",
        "to control": "from the baseline to the control",
        "from control": "from the control to experts with true labels",
        "pretrain": "pretraining",
        "prompts": "prompt learning",
        "experts": "training of the experts",
        "bottleneck": "BNNeck",
        "bottleneck_proj": "BNNeck, projected",
        "classifier_proj": "classifier, projected",
    },
    **dict.fromkeys(("method", "first", "second"), _METHODS),
    "importance": _IMPORTANCES,
    "truth": {
        "entropy_bits": "entropy (bits)",
        "shown_bits": "bits that images show",
        "knowledge_gain_bits": "bits that images hide",
        "test_knowledge_gain_bits": "bits that images hide, among the test people",
        "visibility": "visibility",
    },
    "table": {"all": "all tables"},
    "metric": METRICS,
    "step": STEPS,
    "analysis": ANALYSES,
    "component": {
        "query": "query",
        "query_configuration": "query in a configuration",
        "seed": "seed",
        "query_seed": "query in a seed",
        "run": "training run",
        "rest": "rest",
    },
    "rule": {"truncated": "cut off", "rounded": "rounded"},
    "order": {"printed": "as printed", "baseline-first": "row without attributes first"},
    "test": {"z": "GLM, normal", "t": "GLM, Student's t", "welch": "Welch's t"},
    "term": {"Intercept": "Intercept"},
    "source": {"ours": "our runs", "paper": "the paper"},
    "kind": {"ours": "the paper's model", "attribute": "with attributes", "general": "images only"},
    **dict.fromkeys(("backbone", "other"), _BACKBONES),
    "measure": {"effect": "effect", "alone": "alone, over the baseline"},
    "loss": {
        "design": "the rows that are trained",
        "saturation": "scores that saturate",
        "noise": "noise of people and runs",
        "rest": "more than hidden bits counts",
    },
    "scores": {"bits": "hidden bits alone", "worlds": "as these worlds score"},
    "design": {
        "paper": "the paper's rows",
        "d-optimal": "best for effects that add up",
        "balanced": "random, each attribute in half",
        "alone": "each attribute alone, repeated",
    },
    "quantity": {
        "gain": "true labels",
        "permuted_gain": "another person's labels",
        "both": "true labels, added to the score too",
        "rows": "rows, switched off beside retrained",
        "effects": "GLM effects, switched off beside retrained",
        "retrain_truth": "retrained, beside the truth",
        "ablation_truth": "switched off, beside the truth",
        "difference": "switched off less retrained",
        "cost": "time of retraining over switching off",
        "gain_all": "gain of all attributes",
        "common_less_rare": "gain at the largest share less that at the smallest",
        "beyond_bits": "gain at the smallest share beyond what its bits say",
        "slope": "gain per hidden bit",
    },
    "interval": {
        "gain": "gain of a row of Table 3",
        "correlation": "correlation with the truth",
        "rare": "gain of a rare cue, over cells",
    },
    "question": {
        "end": "gain after long training, as a share of what labels bring",
        "growth": "gain after long training less after short (points)",
        "labels_short": "another person's labels less true ones, short training (points)",
        "labels_long": "another person's labels less true ones, long training (points)",
        "most_short": "half the gain less that of another person's labels, short training (points)",
        "most_long": "half the gain less that of another person's labels, long training (points)",
        "labels_alone": "another person's labels less true ones, without experts (points)",
        "order": "order of single attributes",
        "order_further": "order of single attributes, longer still",
    },
    "route": {
        "default": "usual training",
        "identity": "strong by knowing people",
        "attributes": "strong by reading attributes",
    },
}

# Options of the experts and what a variant chooses, by ``name=value`` or, where any value may stand, by name.
VARIANTS = {
    "rank": "rank {}",
    "last_k": "experts in the last {} blocks",
    "alpha": "α = {}",
    "dropout": "dropout {}",
    "pooling=max": "pooling: largest output",
    "pooling=mean": "pooling: mean",
    "token_reduction=cls": "experts read the class token",
    "token_reduction=max": "experts read the largest over tokens",
    "token_reduction=mean": "experts read the mean over tokens",
    "injection=cls": "output added to the class token alone",
    "injection=every": "output added to every token",
    "heads=fresh": "heads start anew",
    "heads=frozen": "heads stay frozen",
    "heads=baseline": "heads trained on",
    "start=clip": "encoder: CLIP's own",
    "start=baseline": "encoder: fine-tuned",
}
# Inclusion sets and clusters of Table 1; a user's own clusters are called by their names.
SETS = {
    "all": "All attributes",
    "baseline": "No attributes (baseline)",
    "extrinsic": "All but intrinsic",
    "upper": "Upper garment",
    "lower": "Lower garment",
}
