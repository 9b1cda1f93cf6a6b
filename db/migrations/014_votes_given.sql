-- Which votes a judge has given, and which of them are closed, told once for whoever looks for those that are still to be asked
-- for (`votes_to_ask`): they have a score, or a rule answered them.

create view topics_given as
select
    judge_id, sample_id, list(vote) as votes,
    -- That there is no topic is an answer, although it is no score.
    list(vote) filter (
        topic is not null or raw_reply = '' or unscored_reason = 'the judge found no topic in the text'
    ) as closed
from topics
group by judge_id, sample_id;

create view ratings_given as
select
    judge_id, concept, sample_id, list(vote) as votes,
    list(vote) filter (rating is not null or raw_reply = '') as closed
from judgments
group by judge_id, concept, sample_id;
