-- The shapes of the examples of SCQL's documentation, and of its test queries.

-- answered
SELECT ta.class, COUNT(*) AS cnt, AVG(tb.capital) AS avg_income, MAX(tb.capital) AS max_income, MIN(tb.capital) AS min_income
FROM bank.loans AS ta JOIN (SELECT code AS uscc, capital, listed FROM registry.firms) AS tb USING (uscc)
WHERE ta.days >= 20 AND ta.days <= 300 AND tb.listed = TRUE
GROUP BY ta.class;

SELECT ta.class, COUNT(*) AS cnt FROM bank.loans AS ta INNER JOIN registry.firms AS tb ON ta.uscc = tb.code GROUP BY ta.class;

-- answered
SELECT COUNT(*) AS n, SUM(tb.capital) AS s FROM bank.loans AS ta
INNER JOIN (SELECT code AS uscc, capital FROM registry.firms) AS tb USING (uscc);

SELECT ta.uscc, tb.capital FROM bank.loans AS ta JOIN registry.firms AS tb USING (uscc) WHERE tb.capital > 2;

SELECT COUNT(*) FROM bank.loans AS ta JOIN registry.firms AS tb ON ta.uscc = tb.code WHERE ta.days > tb.capital;

SELECT SUM(ta.days * tb.capital) AS x FROM bank.loans AS ta JOIN (SELECT code AS uscc, capital FROM registry.firms) AS tb USING (uscc);

-- answered
SELECT SUM(ta.days + tb.late) AS x FROM bank.loans AS ta
JOIN (SELECT uscc, SUM(COALESCE(late, 0)) AS late FROM tax.returns GROUP BY uscc) AS tb USING (uscc);

SELECT ta.class FROM bank.loans AS ta WHERE ta.uscc IN (SELECT uscc FROM tax.returns);

SELECT ta.class FROM bank.loans AS ta UNION ALL SELECT tb.industry FROM registry.firms AS tb;

SELECT IF(ta.days > 3, 1, 0) AS x, COUNT(*) AS n FROM bank.loans AS ta JOIN registry.firms AS tb USING (uscc) GROUP BY x;

-- answered
SELECT CASE WHEN ta.days > 100 THEN 'a' WHEN ta.days > 50 THEN 'b' ELSE 'c' END AS x, COUNT(*) AS n
FROM bank.loans AS ta JOIN (SELECT code AS uscc FROM registry.firms) AS tb USING (uscc) GROUP BY x;

SELECT MAX(CASE WHEN ta.days > tb.capital THEN ta.days ELSE tb.capital END) AS x
FROM bank.loans AS ta JOIN (SELECT code AS uscc, capital FROM registry.firms) AS tb USING (uscc);

SELECT ROW_NUMBER() OVER (PARTITION BY ta.class ORDER BY ta.days) AS num FROM bank.loans AS ta JOIN registry.firms AS tb USING (uscc);

SELECT PERCENT_RANK() OVER (ORDER BY ta.days) AS p FROM bank.loans AS ta JOIN registry.firms AS tb USING (uscc);

SELECT GEODIST(ta.days, ta.days, tb.capital, tb.capital) AS d FROM bank.loans AS ta JOIN registry.firms AS tb USING (uscc);

SELECT COUNT(DISTINCT ta.class) AS n FROM bank.loans AS ta JOIN (SELECT code AS uscc FROM registry.firms) AS tb USING (uscc);

-- answered
SELECT COUNT(DISTINCT ta.uscc) AS n FROM bank.loans AS ta JOIN tax.returns AS tb USING (uscc) WHERE tb.grade = 'A';

SELECT DATE_ADD(ta.since, INTERVAL 1 DAY) AS d, COUNT(*) AS n FROM bank.loans AS ta JOIN tax.returns AS tb USING (uscc) GROUP BY d;

SELECT STR_TO_DATE('2024-06-25', '%Y-%m-%d') AS d FROM bank.loans AS ta JOIN tax.returns AS tb USING (uscc);

-- answered
SELECT ta.class, SUM(tb.vat) / COUNT(*) AS per FROM bank.loans AS ta
JOIN (SELECT uscc, SUM(vat) AS vat FROM tax.returns GROUP BY uscc) AS tb USING (uscc)
GROUP BY ta.class HAVING COUNT(*) > 4 AND SUM(tb.vat) > 0;

SELECT CONCAT(ta.class, tb.industry) AS c, COUNT(*) AS n FROM bank.loans AS ta JOIN registry.firms AS tb USING (uscc) GROUP BY c;

SELECT UPPER(ta.class) AS c, COUNT(*) AS n FROM bank.loans AS ta JOIN tax.returns AS tb USING (uscc) GROUP BY c;

SELECT ta.class, tb.* FROM bank.loans AS ta JOIN tax.returns AS tb USING (uscc);

SELECT CEIL(AVG(ta.days)) AS c FROM bank.loans AS ta JOIN tax.returns AS tb USING (uscc);

-- answered
SELECT ROUND(AVG(ta.days), 0) AS c, ROUND(AVG(ta.days), 2) AS d FROM bank.loans AS ta
JOIN (SELECT code AS uscc FROM registry.firms) AS tb USING (uscc);

SELECT SQRT(AVG(ta.days)) AS c FROM bank.loans AS ta JOIN tax.returns AS tb USING (uscc);

SELECT ta.days % 10 AS c, COUNT(*) AS n FROM bank.loans AS ta JOIN tax.returns AS tb USING (uscc) GROUP BY c;

SELECT COUNT(*) AS n FROM bank.loans AS ta JOIN tax.returns AS tb USING (uscc) WHERE ta.uscc = '91330000TESTTESTXX';

SELECT GROUP_CONCAT(ta.class) AS c FROM bank.loans AS ta JOIN tax.returns AS tb USING (uscc);

INSERT INTO bank.loans SELECT * FROM tax.returns;

CREATE VIEW v AS SELECT COUNT(*) FROM bank.loans AS ta JOIN tax.returns AS tb USING (uscc);

SELECT COUNT(*) FROM bank.loans AS ta JOIN tax.returns AS tb USING (uscc) INTO OUTFILE '/tmp/x';
