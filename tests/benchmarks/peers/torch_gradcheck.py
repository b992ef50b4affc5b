"""torch.autograd.gradcheck of the loss of a dense network by all its parameters, float64."""

import itertools
import time
import warnings

import torch
from common import arguments, say
from torch.nn import functional as F

given = arguments()
warnings.simplefilter("ignore")
torch.set_num_threads(1)
torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
sizes = given["sizes"]
parameters = []
for d, h in itertools.pairwise(sizes):
    parameters += [(2 / d) ** 0.5 * torch.randn(d, h), 0.1 * torch.randn(h)]
for each in parameters:
    each.requires_grad_()
x = torch.randn(given["rows"], sizes[0])
y = torch.randint(0, sizes[-1], (given["rows"],))


def loss(*parameters):
    value = x
    for i in range(0, len(parameters), 2):
        value = torch.relu(value) if i else value
        value = torch.addmm(parameters[i + 1], value, parameters[i])
    return F.cross_entropy(value, y)


began = time.perf_counter()
right = torch.autograd.gradcheck(loss, parameters, fast_mode=given["fast"], raise_exception=False)
say(seconds=time.perf_counter() - began, right=bool(right))
