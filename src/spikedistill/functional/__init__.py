"""Tensors in, tensors out: the formulas, in torch alone."""

from spikedistill.functional.align import common_grid as common_grid
from spikedistill.functional.align import gap as gap
from spikedistill.functional.align import max_to_grid as max_to_grid
from spikedistill.functional.align import mean_to_grid as mean_to_grid
from spikedistill.functional.divergence import label_cross_entropy as label_cross_entropy
from spikedistill.functional.divergence import masked_mean as masked_mean
from spikedistill.functional.divergence import softened_kl as softened_kl
from spikedistill.functional.similarity import batch_similarity as batch_similarity
from spikedistill.functional.similarity import layer_attention as layer_attention
from spikedistill.functional.similarity import unit as unit
