"""The claims of the reference study, judged by the measurements of this study.

A claim names a measure, a model that is higher or lower in it, and the models it is compared
with. A claim of the reference study on one of its networks is about its other networks alone. To
be the best is to be better than each of the others: the claim is supported only if every
comparison supports it, and contradicted if any comparison contradicts it (an intersection-union
test, which needs no correction). A difference within the margin, or one whose interval reaches
into the margin, leaves the claim undecided.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from faceseg.data.classes import ClassSet
from faceseg.errors import UserError
from faceseg.statistics.estimates import Verdict
from pipelines.compare.analysis.comparisons import Comparison, Measurements
from pipelines.compare.analysis.measures import measures
from pipelines.compare.study_data.study_results import is_pretrained
from pipelines.config.names import is_ensemble
from pipelines.config.sections import ENSEMBLE, PRETRAINED, Claim

ClaimVerdict = Literal["supported", "contradicted", "undecided", "not answerable here"]

REFERENCE_NETWORKS = ("unet", "pspnet", "segnet")
REFERENCE_CLAIMS = (
    Claim(text="U-Net draws the best boundaries",
          measure="boundary_large", who="unet", direction="higher"),
    Claim(text="U-Net is the best on small parts",
          measure="iou_small", who="unet", direction="higher"),
    Claim(text="U-Net is moderate on the global structure",
          measure="iou_large", who="unet", direction="between"),
    Claim(text="U-Net has a high memory use",
          measure="memory", who="unet", direction="higher"),
    Claim(text="PSPNet is the best on the global structure",
          measure="iou_large", who="pspnet", direction="higher"),
    Claim(text="PSPNet is robust to scale",
          measure="scale/retention", who="pspnet", direction="higher"),
    Claim(text="PSPNet is slower",
          measure="latency", who="pspnet", direction="higher"),
    Claim(text="PSPNet is less exact on fine detail",
          measure="iou_small", who="pspnet", direction="lower"),
    Claim(text="PSPNet is smoother",
          measure="outline_length", who="pspnet", direction="lower"),
    Claim(text="SegNet needs the least memory",
          measure="memory", who="segnet", direction="lower"),
    Claim(text="SegNet is the fastest",
          measure="latency", who="segnet", direction="lower"),
    Claim(text="SegNet gives the most accuracy for its time",
          measure="iou_per_ms", who="segnet", direction="higher"),
    Claim(text="SegNet is the weakest under occlusion",
          measure="occlusion/mean/retention", who="segnet", direction="lower"),
    Claim(text="SegNet is sensitive to scale",
          measure="scale/retention", who="segnet", direction="lower"),
    Claim(text="A pretrained encoder speeds convergence",
          measure="convergence", who=PRETRAINED, direction="lower"),
    Claim(text="A pretrained encoder raises the final score",
          measure="iou", who=PRETRAINED, direction="higher"),
    Claim(text="An ensemble is more robust than any one network",
          measure="occlusion/mean/retention", who=ENSEMBLE, direction="higher"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class JudgedClaim:
    """A claim with its verdict.

    `comparisons` are the basis of the verdict; `reason` explains why there are none.
    `words` describes the claim's measure.
    """

    claim: Claim
    verdict: ClaimVerdict
    comparisons: tuple[Comparison, ...] = ()
    reason: str = ""
    words: str = ""


def judge_claim(claim: Claim, measurements: Measurements) -> JudgedClaim:
    """Return a claim's verdict, with its comparisons or the reason why there are none."""
    known = measurements.measures
    if claim.measure not in known:
        reason = f"unknown measure {claim.measure!r}; expected one of {', '.join(known)}"
        return _unanswerable(claim, reason, claim.measure)
    words = known[claim.measure].words
    pairs = _pairs(claim, measurements)
    if isinstance(pairs, str):
        return _unanswerable(claim, pairs, words)
    comparisons = []
    for first, second in pairs:
        comparison = measurements.compare(first, second, claim.measure, claim.margin)
        if isinstance(comparison, str):
            return _unanswerable(claim, comparison, words)
        comparisons.append(comparison)
    verdict = combine_verdicts(claim, [each.verdict for each in comparisons])
    return JudgedClaim(claim=claim, verdict=verdict, comparisons=tuple(comparisons), words=words)


def _unanswerable(claim: Claim, reason: str, words: str) -> JudgedClaim:
    return JudgedClaim(claim=claim, verdict="not answerable here", reason=reason, words=words)


def combine_verdicts(claim: Claim, verdicts: Sequence[Verdict]) -> Verdict:
    """Combine the verdicts on "the claimed model is higher" against each of the others.

    Args:
        claim: The claim; its direction decides how the verdicts are combined.
        verdicts: One verdict per comparison; contradicted means that the claimed model is lower.

    Returns:
        The verdict on the claim.
    """
    above, below = verdicts.count("supported"), verdicts.count("contradicted")
    if claim.direction == "between":
        if above and below:
            return "supported"
        return "contradicted" if len(verdicts) in (above, below) else "undecided"
    right, wrong = (above, below) if claim.direction == "higher" else (below, above)
    if wrong:
        return "contradicted"
    return "supported" if right == len(verdicts) else "undecided"


def _pairs(claim: Claim, measurements: Measurements) -> list[tuple[str, str]] | str:
    """Return the pairs of models to compare, or the reason why there are none."""
    if claim.who == PRETRAINED:
        return _pretrained_pairs(measurements)
    names = [model.name for model in measurements.models]
    if missing := [name for name in (claim.who, *claim.against) if name not in names]:
        return _missing_reason(missing, names)
    is_of_reference = claim in REFERENCE_CLAIMS and claim.who in REFERENCE_NETWORKS
    among = claim.against or (REFERENCE_NETWORKS if is_of_reference else ())
    rivals = [
        model.name
        for model in measurements.models
        if model.name != claim.who and (model.name in among if among else model.is_architecture)
    ]
    least = 2 if claim.direction == "between" else 1
    if len(rivals) < least:
        others = "other networks of the reference study" if is_of_reference else "other networks"
        return f"this study has {len(rivals)} {others}; the claim needs at least {least}"
    return [(claim.who, rival) for rival in rivals]


def _pretrained_pairs(measurements: Measurements) -> list[tuple[str, str]] | str:
    """Pair each pretrained architecture with its variant that was trained from scratch."""
    pairs = [
        (model.variant_of, model.name)
        for model in measurements.models
        if model.variant_of is not None
        and not is_pretrained(model)
        and is_pretrained(measurements.model(model.variant_of))
    ]
    return pairs or (
        "no network was trained both with a pretrained encoder and from scratch: set variants: "
        "{unet-scratch: {of: unet, encoder_weights: none}}"
    )


def _missing_reason(missing: Sequence[str], names: Sequence[str]) -> str:
    if ENSEMBLE in missing:
        return "the study has no ensemble: set ensemble: true"
    if ensembles := [name for name in missing if is_ensemble(name)]:
        return f"the study has no {', '.join(ensembles)}: add its networks to the list ensemble"
    return (
        f"this study has no {', '.join(missing)} (it has {', '.join(names)}): add it under "
        "architectures"
    )


def require_known_measures(claims: Sequence[Claim], classes: ClassSet) -> None:
    """Check, before a study starts, that the measure of every claim exists.

    Args:
        claims: The claims of the experiment.
        classes: The classes of its data; there is a measure for each foreground class.

    Raises:
        UserError: A claim names an unknown measure; the message names the nearest known one.
    """
    known = measures(classes)
    for claim in claims:
        if claim.measure not in known:
            near = difflib.get_close_matches(claim.measure, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"
            raise UserError(f"claims: {claim.text!r}: unknown measure {claim.measure!r}; {hint}")
