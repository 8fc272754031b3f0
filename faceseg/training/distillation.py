"""Distillation: a network is trained to give the probabilities of other, frozen networks too.

The loss is L + w T² KL(p || q). L is the loss of the labels, and p and q are the probabilities of
the teacher and of the student, softened by the temperature T. T² keeps the gradient of the second
term at the same size for every T. Its mean is over the scored pixels.

The teacher predicts for each training step, on the images that the student gets: after
augmentation, and with the occluders. Networks of Keras do so in the step. A teacher that runs in
another runtime predicts before it (`OutsideTeacher`).

A teacher may lack some of the student's classes. With K those that it has, z its logits and s the
student's, all sums over K,

    p_c = exp(z_c / T) / Σ_k exp(z_k / T),  q_c = exp(s_c / T) / Σ_k exp(s_k / T),
    KL(p || q) = Σ_c p_c (log p_c - log q_c),

and the mean is over the pixels whose label is in K. So the term has no gradient at the student's
logits of the classes that the teacher lacks.

Shapes: B images, H rows, W columns, C classes.
Source: Hinton, Vinyals and Dean 2015, section 2; Beyer et al. 2022, "consistent teaching": both
networks see the same view. Departures: L is a sum of terms with weights of their own, so this is
one more of them and not a weighted mean with L; L has the Dice term as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from faceseg.data.classes import IGNORE
from faceseg.inference.predictor import Predictor, resize_logits

LABELS = 256  # values of a label
NEVER = -1e30  # the logit, divided by T, of a class that the teacher lacks; exp gives exactly 0


@dataclass(frozen=True)
class OutsideTeacher:
    """A teacher that predicts outside of the training step, on uint8 images in host memory.

    Attributes:
        predictor: Its network, of any runtime, with the student's classes.
        known: The ids of the classes that it has, in increasing order.
    """

    predictor: Predictor
    known: tuple[int, ...]

    @property
    def num_classes(self) -> int:
        """C, the number of the student's classes."""
        return len(self.predictor.classes)

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return logits (B, H, W, C) of images (B, H, W, 3).

        The images are resized to the teacher's grid and its logits are resized back, as in any
        prediction.
        """
        found = self.predictor.logits(list(images))
        return np.stack([resize_logits(each, images.shape[1:3]) for each in found])


class Distillation:
    """A teacher, and its part of a student's loss.

    It is no layer of Keras, so that a student does not train and store the teacher's weights.

    Args:
        teachers: The networks; the logits of several are the logarithm of their mean
            probabilities. Each takes the student's images and has the student's classes.
        weight: w, above 0.
        temperature: T, above 0.
        outside: A teacher in place of such networks.

    Raises:
        ValueError: There is no teacher, or there are both kinds.
    """

    def __init__(
        self,
        teachers: Sequence[keras.Model] = (),
        *,
        weight: float,
        temperature: float,
        outside: OutsideTeacher | None = None,
    ) -> None:
        if bool(teachers) == (outside is not None):
            raise ValueError("a distillation needs at least one teacher, all of one kind")
        self.teachers, self.outside = tuple(teachers), outside
        self.weight, self.temperature = weight, temperature

    def logits(self, images: Any) -> Any:
        """Return the teacher's logits (B, H, W, C) of images (B, H, W, 3); constants for training.

        Those of one network are its own; those of several are the logarithm of their mean
        probabilities.
        """
        found = [ops.cast(each(images, training=False), "float32") for each in self.teachers]
        if len(found) > 1:
            logarithms = ops.stack([ops.log_softmax(each, axis=-1) for each in found])
            found = [ops.logsumexp(logarithms, axis=0)]  # a constant summand changes no probability
        return ops.stop_gradient(found[0])

    def loss(
        self, labels_loss: Any, images: Any, labels: Any, logits: Any, given: Any = None
    ) -> Any:
        """Return the scalar loss of a student.

        Args:
            labels_loss: L, the scalar loss of the labels.
            images: The student's images, (B, H, W, 3).
            labels: Their labels, (B, H, W); 255 is ignored.
            logits: The student's, (B, H, W, C).
            given: The logits of the teacher outside of the step, (B, H, W, C).
        """
        wanted = self.logits(images) if given is None else given
        known = self.outside.known if self.outside else None
        divergence = soft_divergence(wanted, logits, labels, self.temperature, known)
        return labels_loss + self.weight * divergence


def soft_divergence(
    teacher: Any,
    student: Any,
    labels: Any,
    temperature: float,
    known: Sequence[int] | None = None,
) -> Any:
    """Return T² KL(p || q), the mean over the scored pixels; 0 without any.

    Args:
        teacher: Logits (B, H, W, C) of p.
        student: Logits (B, H, W, C) of q.
        labels: (B, H, W); pixels of 255 are left out.
        temperature: T, by which both logits are divided.
        known: K, the ids of the classes that the teacher has: the probabilities are over them, and
            pixels of other classes are left out too. None for all.
    """
    wanted = ops.cast(teacher, "float32") / temperature
    found = ops.cast(student, "float32") / temperature
    scored = ops.cast(ops.cast(labels, "float32") != IGNORE, "float32")
    if known is not None:
        has = np.isin(np.arange(LABELS), known)
        scored = ops.take(has.astype(np.float32), ops.cast(labels, "int32"))
        lacks = ~has[: wanted.shape[-1]]
        wanted, found = ops.where(lacks, NEVER, wanted), ops.where(lacks, NEVER, found)
    wanted, found = ops.log_softmax(wanted, axis=-1), ops.log_softmax(found, axis=-1)
    pixels = ops.sum(ops.exp(wanted) * (wanted - found), axis=-1)
    return temperature**2 * ops.sum(pixels * scored) / ops.maximum(ops.sum(scored), 1.0)
