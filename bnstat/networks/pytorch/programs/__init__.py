"""Networks that are programs, without modules that can be hooked: TorchScript and what torch.export writes."""
