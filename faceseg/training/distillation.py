"""Distillation: a network is trained to give the probabilities of other, frozen networks too.

The loss is L + w T² KL(p || q). L is the loss of the labels, and p and q are the probabilities of
the teacher and of the student, softened by the temperature T. T² keeps the gradient of the second
term at the same size for every T. Its mean is over the scored pixels.

The teacher predicts in the training step, on the images that the student gets: after augmentation,
and with the occluders.

Shapes: B images, H rows, W columns, C classes.
Source: Hinton, Vinyals and Dean 2015, section 2; Beyer et al. 2022, "consistent teaching": both
networks see the same view. Departures: L is a sum of terms with weights of their own, so this is
one more of them and not a weighted mean with L; L has the Dice term as well.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from faceseg.data.classes import IGNORE


class Distillation:
    """A teacher, and its part of a student's loss.

    It is no layer of Keras, so that a student does not train and store the teacher's weights.

    Args:
        teachers: The networks; the logits of several are the logarithm of their mean
            probabilities. Each takes the student's images and has the student's classes.
        weight: w, above 0.
        temperature: T, above 0.

    Raises:
        ValueError: There is no teacher.
    """

    def __init__(
        self, teachers: Sequence[keras.Model], *, weight: float, temperature: float
    ) -> None:
        if not teachers:
            raise ValueError("a distillation needs at least one teacher; none were given")
        self.teachers = tuple(teachers)
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

    def loss(self, labels_loss: Any, images: Any, labels: Any, logits: Any) -> Any:
        """Return the scalar loss of a student.

        Args:
            labels_loss: L, the scalar loss of the labels.
            images: The student's images, (B, H, W, 3).
            labels: Their labels, (B, H, W); 255 is ignored.
            logits: The student's, (B, H, W, C).
        """
        divergence = soft_divergence(self.logits(images), logits, labels, self.temperature)
        return labels_loss + self.weight * divergence


def soft_divergence(teacher: Any, student: Any, labels: Any, temperature: float) -> Any:
    """Return T² KL(p || q), the mean over the scored pixels; 0 without any.

    Args:
        teacher: Logits (B, H, W, C) of p.
        student: Logits (B, H, W, C) of q.
        labels: (B, H, W); pixels of 255 are left out.
        temperature: T, by which both logits are divided.
    """
    wanted = ops.log_softmax(ops.cast(teacher, "float32") / temperature, axis=-1)
    found = ops.log_softmax(ops.cast(student, "float32") / temperature, axis=-1)
    scored = ops.cast(ops.cast(labels, "float32") != IGNORE, "float32")
    pixels = ops.sum(ops.exp(wanted) * (wanted - found), axis=-1)
    return temperature**2 * ops.sum(pixels * scored) / ops.maximum(ops.sum(scored), 1.0)
