"""The names of the metrics of a final on a GPU. Those without `gpu` are measured on the CPU."""

GPU_LATENCY = "latency/gpu_p50_ms"
GPU_P95 = "latency/gpu_p95_ms"
GPU_IMAGES_PER_SECOND = "throughput/gpu_images_per_second"
GPU_PEAK_MB = "memory/gpu_peak_mb"
GPU_METRICS = (GPU_LATENCY, GPU_P95, GPU_IMAGES_PER_SECOND, GPU_PEAK_MB)
