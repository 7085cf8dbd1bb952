-- A customers' table as the shop has it. Names of columns and the odd types
-- are the shop's own: a creation time that is a number (epoch seconds, in newer
-- rows milliseconds), a consent that is text.
CREATE TABLE User (
  id                 BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  Email              VARCHAR(320),
  Name               VARCHAR(100),
  Gender             VARCHAR(10),
  CreateTime         BIGINT,
  SubscriptionStatus VARCHAR(10),
  update_at          TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  KEY update_at (update_at)
) DEFAULT CHARSET = utf8mb4;
