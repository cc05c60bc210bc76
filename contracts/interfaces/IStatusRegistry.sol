// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {IDepartmentRegistry} from "./IDepartmentRegistry.sol";

/// @title IStatusRegistry
/// @notice What was withdrawn: status lists, digests and roots. Revoked is final everywhere.
/// @dev Statuses are those of the Token Status List: 0 valid, 1 revoked, 2 suspended. Requirements:
/// every change takes the Status role at the department or at one above it, or the council (actor
/// 0), whose act is delayed.
interface IStatusRegistry {
    event StatusChanged(
        bytes20 indexed department,
        uint32 indexed list,
        uint32[] indices,
        uint8 status,
        bytes20 actor
    );
    event DigestRevoked(bytes20 indexed department, bytes32 indexed digest, bytes20 actor);
    event RootRevoked(bytes20 indexed department, bytes32 indexed root, bytes20 actor);

    error UnknownStatus(uint8 status);
    error NoIndices();
    error TooManyIndices(uint256 count, uint256 max);
    error IndexTooLarge(uint32 index, uint32 max);
    error AlreadyRevoked(bytes20 department, uint32 list, uint32 index);
    error ZeroDigest();

    /// @notice Sets documents valid again, revoked or suspended; all or none. Emits
    /// {StatusChanged}.
    /// @dev Revoking what is revoked changes nothing, so that a batch may be sent again.
    function setStatus(
        bytes20 actor,
        bytes20 department,
        uint32 list,
        uint32[] calldata indices,
        uint8 status
    ) external;

    /// @notice Revokes a signed artefact by its digest, listed or not. Emits {DigestRevoked}, once.
    function revokeDigest(bytes20 actor, bytes20 department, bytes32 digest) external;

    /// @notice Revokes all that a root covers. Emits {RootRevoked}, once.
    function revokeRoot(bytes20 actor, bytes20 department, bytes32 root) external;

    /// @notice 128 statuses: entry i of a list is in word i / 128 at bit 2 * (i % 128).
    function wordOf(bytes20 department, uint32 list, uint32 wordIndex)
        external
        view
        returns (uint256);

    function statusOf(bytes20 department, uint32 list, uint32 index) external view returns (uint8);

    /// @notice The block in which a digest was revoked; 0 if it was not.
    function digestRevokedAt(bytes20 department, bytes32 digest) external view returns (uint64);

    /// @notice The block in which a root was revoked; 0 if it was not.
    function rootRevokedAt(bytes20 department, bytes32 root) external view returns (uint64);

    /// @notice The registry that says who may change a status.
    function departments() external view returns (IDepartmentRegistry);
}
