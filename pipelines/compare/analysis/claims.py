"""The claims of the reference study, and what this study says of each: with figures, or not at all.

A claim names a measure, who is higher or lower in it, and against whom. Being the best is being
better than each of the others: supported only if that is supported against each, contradicted
if it is contradicted against any (an intersection-union test: no correction is needed).
Differences within the margin, and those whose interval reaches into it, leave it undecided.
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
from pipelines.config.sections import ENSEMBLE, PRETRAINED, Claim

ClaimVerdict = Literal["supported", "contradicted", "undecided", "not answerable here"]

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


@dataclass(frozen=True)
class JudgedClaim:
    """A claim's answer: the comparisons it rests on, or the reason why there is none.

    `words` say what its measure is.
    """

    claim: Claim
    answer: ClaimVerdict
    comparisons: tuple[Comparison, ...] = ()
    reason: str = ""
    words: str = ""


def judge_claim(claim: Claim, evidence: Measurements) -> JudgedClaim:
    """Answer one claim."""
    known = evidence.measures
    if claim.measure not in known:
        names = ", ".join(known)
        return JudgedClaim(
            claim,
            "not answerable here",
            reason=f"there is no measure {claim.measure!r}; there are {names}",
            words=claim.measure,
        )
    words = known[claim.measure].words
    pairs = _pairs(claim, evidence)
    if isinstance(pairs, str):
        return JudgedClaim(claim, "not answerable here", reason=pairs, words=words)
    found = []
    for one, other in pairs:
        comparison = evidence.compare(one, other, claim.measure, claim.margin)
        if isinstance(comparison, str):
            return JudgedClaim(claim, "not answerable here", reason=comparison, words=words)
        found.append(comparison)
    answer = combine_verdicts(claim, [each.verdict for each in found])
    return JudgedClaim(claim, answer, tuple(found), words=words)


def combine_verdicts(claim: Claim, verdicts: Sequence[Verdict]) -> Verdict:
    """Combine 'the first is surely higher' (or lower, or neither) over the pairs of a claim."""
    above, below = verdicts.count("supported"), verdicts.count("contradicted")
    if claim.direction == "between":
        if above and below:
            return "supported"
        return "contradicted" if len(verdicts) in (above, below) else "undecided"
    right, wrong = (above, below) if claim.direction == "higher" else (below, above)
    if wrong:
        return "contradicted"
    return "supported" if right == len(verdicts) else "undecided"


def _pairs(claim: Claim, evidence: Measurements) -> list[tuple[str, str]] | str:
    """Return who is compared with whom, or why nobody is."""
    if claim.who == PRETRAINED:
        return _pretrained_pairs(evidence)
    names = [each.name for each in evidence.models]
    if missing := [name for name in (claim.who, *claim.against) if name not in names]:
        return _missing_reason(missing, names)
    rivals = [
        each.name
        for each in evidence.models
        if each.name != claim.who
        and (each.name in claim.against if claim.against else each.is_architecture)
    ]
    least = 2 if claim.direction == "between" else 1
    if len(rivals) < least:
        return f"{len(rivals)} other networks in this study, and it takes {least} or more"
    return [(claim.who, rival) for rival in rivals]


def _pretrained_pairs(evidence: Measurements) -> list[tuple[str, str]] | str:
    """Pair each pretrained architecture with its variant from scratch."""
    pairs = [
        (each.variant_of, each.name)
        for each in evidence.models
        if each.variant_of is not None
        and not is_pretrained(each)
        and is_pretrained(evidence.model(each.variant_of))
    ]
    return pairs or (
        "no network was trained both with a pretrained encoder and from scratch: set variants: "
        "{unet-scratch: {of: unet, encoder_weights: none}}"
    )


def _missing_reason(missing: Sequence[str], names: Sequence[str]) -> str:
    if ENSEMBLE in missing:
        return "the study has no ensemble: set ensemble: true"
    return (
        f"{', '.join(missing)} not in this study (it has {', '.join(names)}): add it under "
        "architectures"
    )


def require_known_measures(claims: Sequence[Claim], classes: ClassSet) -> None:
    """Raise UserError for a claim in a measure that there is not, before a study is begun."""
    known = measures(classes)
    for claim in claims:
        if claim.measure not in known:
            near = difflib.get_close_matches(claim.measure, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise UserError(
                f"claims: {claim.text!r} names the measure {claim.measure!r}, which there is not; "
                f"{hint}"
            )
