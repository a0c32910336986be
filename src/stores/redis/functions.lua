#!lua name=switchhook_1

-- What has to happen at once. Names and layout: keys.rs. Answers are numbers, never errors: one
-- refused write in a pipeline must not look like a broken connection.
--
--   1 done   2 done, a later version of what is there   0 there already   -1 no such call   -2 a higher epoch owns it   -3 one is missing before
--   -4 it has changed since it was read   -5 it was erased
--
-- The library's name ends in its version: engines of two versions load one each, side by side.

local function raise(key, field, value)
    local known = tonumber(redis.call('HGET', key, field)) or 0
    if tonumber(value) > known then
        redis.call('HSET', key, field, value)
    end
end

local function whole(keys)
    return {
        redis.call('HGETALL', keys[1]), redis.call('HGETALL', keys[2]),
        redis.call('HGETALL', keys[3]),
    }
end

local function now()
    local time = redis.call('TIME')
    return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function create(keys, at, wrapped, record)
    redis.call('HSET', keys[1], 'v', 1, 'e', 0, 's', 1, 'o', '', 'st', 'ringing', 'at', at,
        'end', '', 'seen', at, 'k', wrapped, 'r', record, 'rev', 1)
end

-- The last claim from before the call was erased: nothing of that one or an older one comes back.
local function floor(key)
    return tonumber(redis.call('GET', key)) or -1
end

-- keys: record, turns, late, erased; args: at, wrapped key, record
redis.register_function('sh1_open', function(keys, args)
    if redis.call('EXISTS', keys[1]) == 1 then
        raise(keys[1], 'seen', args[1])
        return {0, unpack(whole(keys))}
    end
    create(keys, args[1], args[2], args[3])
    return {1, unpack(whole(keys))}
end)

-- keys: record, turns, late, erased; args: at, wrapped key, record, owner, whether to take the key
redis.register_function('sh1_claim', function(keys, args)
    local fresh = redis.call('EXISTS', keys[1]) == 0
    if fresh then
        create(keys, args[1], args[2], args[3])
    end
    local known = redis.call('HMGET', keys[1], 'e', 'st')
    if known[2] == 'completed' or known[2] == 'failed' then
        return {0, {}, {}, {}, 0}
    end
    local last = math.max(tonumber(known[1]), floor(keys[4]))
    local epoch = math.max(last + 1, now(), tonumber(args[1]))
    redis.call('HSET', keys[1], 'e', string.format('%.0f', epoch), 'o', args[4])
    redis.call('HINCRBY', keys[1], 'rev', 1)
    raise(keys[1], 'seen', args[1])
    if known[2] == 'ringing' then
        redis.call('HSET', keys[1], 'st', 'active')
    end
    return {1, redis.call('HGETALL', keys[1]), redis.call('HGETALL', keys[2]),
        redis.call('HGETALL', keys[3]), fresh and 1 or 0}
end)

-- keys: record, turns, late. Answered by a server whose memory is full, too, which takes no MULTI.
redis.register_function{
    function_name = 'sh1_read', callback = whole, flags = {'no-writes'},
}

-- keys: record, turns; args: epoch, sequence number, at, place of the turn, turn
redis.register_function('sh1_append', function(keys, args)
    local known = redis.call('HMGET', keys[1], 'e', 's')
    if not known[1] then
        return {-1, 0}
    end
    if known[1] ~= args[1] then
        return {-2, 0}
    end
    local seq, next = tonumber(args[2]), tonumber(known[2])
    if seq == 0 or seq > next then
        return {-3, next}
    end
    if seq < next then
        return {0, 0}
    end
    local fresh = redis.call('HSET', keys[2], args[4], args[5])
    redis.call('HSET', keys[1], 's', string.format('%.0f', seq + 1))
    raise(keys[1], 'seen', args[3])
    return {fresh == 1 and 1 or 2, redis.call('HLEN', keys[2])}
end)

-- keys: record, turns; args: epoch, rev, status, end, seen, record
redis.register_function('sh1_settle', function(keys, args)
    local known = redis.call('HMGET', keys[1], 'e', 'rev')
    if not known[1] then
        return {-1, 0}
    end
    if known[1] ~= args[1] then
        return {-2, 0}
    end
    if known[2] ~= args[2] then
        return {-4, 0}
    end
    redis.call('HSET', keys[1], 'st', args[3], 'end', args[4], 'r', args[6])
    redis.call('HINCRBY', keys[1], 'rev', 1)
    raise(keys[1], 'seen', args[5])
    return {1, redis.call('HLEN', keys[2])}
end)

-- keys: record, turns, erased; args: epoch, owner, next sequence number, status, start, end, seen,
-- wrapped key, record, the last claim that the copy knows of, then place and turn of each
redis.register_function('sh1_restore', function(keys, args)
    if tonumber(args[1]) <= floor(keys[3]) then
        return {-5, 0}
    end
    local known = redis.call('HMGET', keys[1], 'e', 'o', 'k', 'seen', 'st')
    if known[1] then
        local theirs, ours = tonumber(known[1]), tonumber(args[1])
        local same = theirs == ours and known[2] == args[2]
        if not same and (theirs >= ours or theirs > tonumber(args[10])) then
            return {-2, 0}
        end
        if known[3] ~= args[8] then
            return {-4, 0}
        end
        local lost = theirs < ours and tonumber(args[10]) >= ours
        local over = known[5] == 'completed' or known[5] == 'failed'
        if lost and not over and tonumber(known[4]) <= ours then
            -- This store had the claim and has lost it, and with it what came behind. A claim is the
            -- time when it was made: nobody has written to the call since.
            redis.call('HSET', keys[1], 'st', args[4], 'end', args[6], 'r', args[9])
        elseif known[5] == 'ringing' and args[4] ~= 'ringing' then
            -- Another engine has answered its webhook; what has become of it since is told next.
            redis.call('HSET', keys[1], 'st', 'active')
        end
        redis.call('HSET', keys[1], 'e', args[1], 'o', args[2])
        raise(keys[1], 's', args[3])
        raise(keys[1], 'seen', args[7])
        redis.call('HINCRBY', keys[1], 'rev', 1)
    else
        redis.call('HSET', keys[1], 'v', 1, 'e', args[1], 'o', args[2], 's', args[3], 'st', args[4],
            'at', args[5], 'end', args[6], 'seen', args[7], 'k', args[8], 'r', args[9], 'rev', 1)
    end
    for place = 11, #args, 2 do
        redis.call('HSET', keys[2], args[place], args[place + 1])
    end
    return {1, known[1] and 0 or 1}
end)

-- keys: record, turns, late, erased; args: epoch, sequence number, place and turn of each
redis.register_function('sh1_late', function(keys, args)
    if redis.call('EXISTS', keys[1]) == 0 then
        return {-1, 0}
    end
    for first = 1, #args, 4 do
        local epoch, seq = args[first], tonumber(args[first + 1])
        local there = redis.call('HGET', keys[2], args[first + 2]) or ''
        local theirs, last = string.match(there, '^(%d+):(%d+):')
        local stands = theirs == epoch and tonumber(last) >= seq
        if not stands and tonumber(epoch) > floor(keys[4]) then
            redis.call('HSETNX', keys[3], epoch .. ':' .. args[first + 1], args[first + 3])
        end
    end
    return {1, 0}
end)

-- keys: record, turns, late, replies, links, erased; args: ms for which the erasure is remembered
redis.register_function('sh1_erase', function(keys, args)
    local there = redis.call('EXISTS', keys[1])
    local links = redis.call('SMEMBERS', keys[5])
    local epoch = tonumber(redis.call('HGET', keys[1], 'e')) or 0
    redis.call('DEL', keys[1], keys[2], keys[3], keys[4], keys[5])
    if tonumber(args[1]) > 0 then
        redis.call('SET', keys[6], string.format('%.0f', math.max(epoch, now())), 'PX', args[1])
    end
    return {there, links}
end)

-- keys: replies; args: name, now, expiry, sealed reply, ms to keep
redis.register_function('sh1_remember', function(keys, args)
    local there = redis.call('HGET', keys[1], args[1])
    if there and tonumber(string.match(there, '^(%d+):')) > tonumber(args[2]) then
        return there
    end
    local reply = args[3] .. ':' .. args[4]
    redis.call('HSET', keys[1], args[1], reply)
    if redis.call('PTTL', keys[1]) < tonumber(args[5]) then
        redis.call('PEXPIRE', keys[1], args[5])
    end
    return reply
end)

-- keys: linked id; args: sid
redis.register_function('sh1_unlink', function(keys, args)
    if redis.call('GET', keys[1]) == args[1] then
        redis.call('DEL', keys[1])
    end
    return 1
end)

-- keys: events; args: how many to keep, then events. Positions grow by one; those of a store that
-- has lost everything go on from the time, and so beyond all before.
redis.register_function('sh1_publish', function(keys, args)
    local last = redis.call('XREVRANGE', keys[1], '+', '-', 'COUNT', 1)
    local position = now()
    if last[1] then
        position = tonumber(string.match(last[1][1], '^(%d+)'))
    end
    for event = 2, #args do
        position = position + 1
        redis.call('XADD', keys[1], 'MAXLEN', '~', args[1], string.format('%.0f-0', position),
            'e', args[event])
    end
    return string.format('%.0f', position)
end)

-- keys: record; args: the wrapped key as it was read, and anew
redis.register_function('sh1_rewrap', function(keys, args)
    if redis.call('HGET', keys[1], 'k') == args[1] then
        redis.call('HSET', keys[1], 'k', args[2])
    end
    return 1
end)
