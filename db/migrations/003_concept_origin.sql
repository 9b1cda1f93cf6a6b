-- What a concept is called and where it comes from. All null where the pack says nothing, and in rows of before.

alter table concepts add column label text;     -- what people call the concept, where the term is no readable name
alter table concepts add column origin text;    -- the concept that this one was split from
alter table concepts add column bucket text;    -- the buckets of its parents' children that it is in, by readable name
alter table packs add column made_by text;      -- what Lensgap did to make the pack, such as split or bucket
alter table packs add column made_from text;    -- name of the pack that it was made from
