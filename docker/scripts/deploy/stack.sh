# shellcheck shell=bash
# Both compose files as one that `docker stack deploy` reads. Sourced after common.sh.
#
# Swarm knows no conditions of start, profiles, host addresses of ports or required variables, and no
# `tmpfs` but as a mount; it wants overlay networks, and keeps a secret for ever under its name: the name
# gets a part of the content's hash, so that a changed secret is a new one.

write_stack() {
    need jq sha256sum
    local filter hashes=() name file
    while IFS=$'\t' read -r name file; do
        hashes+=("$name=$(sha256sum "$file" | cut -c 1-8)")
    done < <(compose config --format json | jq -r '.secrets | to_entries[] | [.key, .value.file] | @tsv')
    # shellcheck disable=SC2016
    filter='
      ($hashes | split(" ") | map(split("=") | {key: .[0], value: .[1]}) | from_entries) as $hash
      | del(.name)
      | .services |= with_entries(.value |= (
          del(.depends_on, .profiles, .restart, .build, .pid, .shm_size, .security_opt)
          | if .command == null then del(.command) else . end
          | if .entrypoint == null then del(.entrypoint) else . end
          | .networks |= (keys | map(select(. != "local")))
          | if .ports then .ports |= map({target, protocol, published: (.published | tonumber), mode: "host"}) else . end
          | if .volumes then .volumes |= map(del(.bind, .volume)) else . end
          | if .tmpfs then .volumes += (.tmpfs | map(capture("^(?<target>[^:]+):.*size=(?<size>[0-9]+)m")
              | {type: "tmpfs", target, tmpfs: {size: ((.size | tonumber) * 1048576)}})) | del(.tmpfs) else . end
          | if .environment then .environment |= with_entries(select(.value != null)) else . end
          | .deploy.restart_policy = {condition: "on-failure", delay: "5s", max_attempts: 3, window: "120s"}
          | .deploy.update_config = {order: "start-first", failure_action: "rollback", parallelism: 1, delay: "5s", monitor: "30s"}
          | .deploy.rollback_config = {order: "start-first", parallelism: 1}
          | if .deploy.resources.limits.cpus then .deploy.resources.limits.cpus |= tostring else . end
          | if .deploy.resources.reservations.cpus then .deploy.resources.reservations.cpus |= tostring else . end
          | .deploy.replicas |= (if . then tonumber else 1 end)))
      # A name resolves to every replica, as with Compose: the gateway and Prometheus reach each, and no
      # balancer in between forgets the idle connections of a pool.
      | .services |= with_entries(.value.deploy.endpoint_mode = "dnsrr")
      # Data and published ports are of one machine at a time: the old one ends before the new one starts.
      | .services |= with_entries(if (.key | test("^(postgres_|redis$|nginx$|prometheus$|alertmanager$|grafana$|elasticsearch$)"))
          then .value.deploy.update_config.order = "stop-first" | .value.deploy.rollback_config.order = "stop-first" else . end)
      | del(.networks.local)
      | .networks |= with_entries(.value = {driver: "overlay"} + (if .value.internal then {internal: true} else {} end))
      | .volumes |= with_entries(.value = {})
      | .secrets |= with_entries({key, value: {file: .value.file, name: ("ai1c_" + .key + "_" + $hash[.key])}})
      | {version: "3.9"} + .'
    compose config --format json | jq --arg hashes "${hashes[*]}" "$filter"
}
