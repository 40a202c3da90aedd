"""The SDK that runs beside a model and tells a collector what the model saw and answered."""
