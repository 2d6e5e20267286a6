# Builds from package registries only. PyTorch's wheels bring CUDA with them; the host gives the driver.
#
#   docker build --target cuda --tag rgbtvg .
#   docker build --target cpu --build-arg TORCH_INDEX=URL --tag rgbtvg:cpu .    # URL: PyTorch's index of CPU wheels
#   docker run --rm --gpus all --volume "$PWD:/data" rgbtvg demo --out answer.png
#   docker run --rm --publish 127.0.0.1:7860:7860 rgbtvg:cpu serve --host 0.0.0.0
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS base
ENV PIP_NO_CACHE_DIR=1 PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1
# OpenCV links against these.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home user && mkdir /data && chown user /data
WORKDIR /data
ENTRYPOINT ["rgbtvg"]
CMD ["--help"]

FROM base AS cpu
ARG TORCH_INDEX
RUN test -n "$TORCH_INDEX" && pip install --index-url "$TORCH_INDEX" "torch>=2.6" "torchvision>=0.21"
COPY . /src
RUN pip install "/src[demo,annotate,export,plot,sentencepiece]" && rm -rf /src
USER user

FROM base AS cuda
RUN pip install "torch>=2.6" "torchvision>=0.21"
COPY . /src
RUN pip install "/src[demo,annotate,export,plot,sentencepiece,loggers]" && rm -rf /src
USER user
