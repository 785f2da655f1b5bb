-- One JSON line per run; the first argument is the pause before each request in milliseconds, the second
-- "vary": each request has an X-Request-Id of its own.
local count, before, after = 0, nil, nil

function init(args)
  local pause = tonumber(args[1]) or 0
  if pause > 0 then delay = function() return pause end end
  if args[2] == "vary" then
    wrk.headers["X-Request-Id"] = "@"
    before, after = wrk.format():match("^(.-X%-Request%-Id: )@(.*)$")
    request = vary
  end
end

function vary()
  count = count + 1
  return before .. string.format("%016x", count) .. after
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "longest": %f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, e.connect + e.read + e.write + e.status + e.timeout))
end
