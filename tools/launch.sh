# launch PROCESSES SCRIPT [arguments]: for dist_train.sh and dist_test.sh, whose folder is $tools.
launch() {
    local processes=$1
    shift
    local python=${PYTHON:-python}
    local rendezvous=(--standalone)
    if [ "${NNODES:-1}" -gt 1 ]; then
        rendezvous=(--nnodes "$NNODES" --node-rank "${NODE_RANK:?}" --master-addr "${MASTER_ADDR:?}" --master-port "${PORT:-29500}")
    elif [ -n "${PORT:-}" ]; then
        rendezvous=(--master-addr 127.0.0.1 --master-port "$PORT")
    fi
    export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
    exec "$python" "$tools/launch.py" "${rendezvous[@]}" --nproc-per-node "$processes" "$@"
}
