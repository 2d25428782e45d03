"""Networks cut into named layers: learnt by k-means, drawn at random, or from torchvision and timm."""
