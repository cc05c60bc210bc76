// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {IAnchorRegistry} from "./interfaces/IAnchorRegistry.sol";
import {ICouncilDelayed} from "./interfaces/ICouncilDelayed.sol";
import {
    IDepartmentRegistry,
    KeyRecord,
    ParentEntry
} from "./interfaces/IDepartmentRegistry.sol";
import {IStatusRegistry} from "./interfaces/IStatusRegistry.sol";
import {Interval} from "./lib/History.sol";

/// @notice What a verifier holds of a document.
struct Query {
    bytes20 department;
    bytes32 root;
    bytes32 keyId;
    bytes32 kind;
    bytes32 digest;
    uint32 list;
    uint32 index;
}

/// @notice One department of a lineage, the issuing one first.
struct Lineage {
    bytes20 code;
    uint64 admittedAt;
    Interval[] suspensions;
    Interval[] kindIntervals;
    ParentEntry[] parents;
}

/// @notice All that the chain knows about it, as stored; the rules are the verifier's.
struct Facts {
    uint256 chainId;
    uint64 blockNumber;
    uint64 blockTime;
    uint64 anchorTime;
    uint64 anchorBlock;
    uint32 anchorSize;
    KeyRecord key;
    Lineage[] lineage;
    uint8 status;
    uint64 digestRevokedAt;
    uint64 rootRevokedAt;
    address departmentSuccessor;
    address anchorSuccessor;
    address statusSuccessor;
    /// Where a department registry is closed, its rights end in this block.
    uint64 departmentClosedAt;
}

/// @title VerificationView
/// @notice Answers in one call what a verifier would ask the registries in many.
/// @dev Holds no state. It judges nothing and, for any query, does not revert.
contract VerificationView {
    /// @notice The registries do not belong together.
    error RegistriesDiffer(address departments, address anchors, address status);

    uint32 private constant ENTRIES_PER_WORD = 128;

    IDepartmentRegistry public immutable departments;
    IAnchorRegistry public immutable anchors;
    IStatusRegistry public immutable status;

    constructor(
        IDepartmentRegistry departments_,
        IAnchorRegistry anchors_,
        IStatusRegistry status_
    ) {
        address shared = address(departments_);
        if (
            address(anchors_.departments()) != shared || address(status_.departments()) != shared
        ) {
            revert RegistriesDiffer(address(departments_), address(anchors_), address(status_));
        }
        departments = departments_;
        anchors = anchors_;
        status = status_;
    }

    /// @notice The facts about a document at the latest block.
    /// @param query zero fields ask for nothing.
    /// @return facts the lineage is that at the anchor's block, or now where nothing is anchored.
    function inspect(Query calldata query) external view returns (Facts memory facts) {
        facts.chainId = block.chainid;
        facts.blockNumber = uint64(block.number);
        facts.blockTime = uint64(block.timestamp);
        (facts.anchorTime, facts.anchorBlock, facts.anchorSize) =
            anchors.anchorOf(query.department, query.root);
        facts.key = departments.keyOf(query.department, query.keyId);
        uint64 atBlock = facts.anchorBlock == 0 ? facts.blockNumber : facts.anchorBlock;
        facts.lineage = _lineage(query.department, query.kind, atBlock);
        uint256 word = status.wordOf(query.department, query.list, query.index / ENTRIES_PER_WORD);
        facts.status = uint8((word >> (2 * (query.index % ENTRIES_PER_WORD))) & 3);
        facts.digestRevokedAt = status.digestRevokedAt(query.department, query.digest);
        facts.rootRevokedAt = status.rootRevokedAt(query.department, query.root);
        facts.departmentSuccessor = _successorOf(address(departments));
        facts.anchorSuccessor = _successorOf(address(anchors));
        facts.statusSuccessor = _successorOf(address(status));
        facts.departmentClosedAt = departments.closedAt();
    }

    function _lineage(bytes20 department, bytes32 kind, uint64 atBlock)
        private
        view
        returns (Lineage[] memory lineage)
    {
        uint256 levels = 0;
        for (bytes20 code = department; code != 0; code = _parentAt(code, atBlock)) {
            if (departments.departmentOf(code).admittedAt == 0) break;
            ++levels;
        }
        lineage = new Lineage[](levels);
        bytes20 next = department;
        for (uint256 i = 0; i < levels; ++i) {
            lineage[i] = Lineage({
                code: next,
                admittedAt: departments.departmentOf(next).admittedAt,
                suspensions: departments.suspensionHistory(next),
                kindIntervals: departments.kindHistory(next, kind),
                parents: departments.parentHistory(next)
            });
            next = _parentAt(next, atBlock);
        }
    }

    /// @dev The last parent given in or before block `atBlock`; 0 at the top or before admission.
    function _parentAt(bytes20 department, uint64 atBlock) private view returns (bytes20) {
        ParentEntry[] memory parents = departments.parentHistory(department);
        for (uint256 i = parents.length; i > 0; --i) {
            if (parents[i - 1].from <= atBlock) return parents[i - 1].parent;
        }
        return 0;
    }

    function _successorOf(address registry) private view returns (address) {
        return ICouncilDelayed(registry).successor();
    }
}
